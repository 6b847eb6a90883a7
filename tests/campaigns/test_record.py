"""The record of a campaign, and inputs of its doors."""

import json
import random
from collections import Counter

import pytest
from click.testing import CliRunner

from tests.campaigns.bad_inputs import DOORS
from tests.campaigns.record import campaign_command, endings_record


def campaign(work, count, seed):
    """Attempt something."""
    wrong = [{"number": seed}] * (count - 3)
    endings = {"audio": Counter(taken=3), "list": Counter(hang=len(wrong))}
    return endings_record("Attempts", "door", endings, {"work": work.name}, wrong)


@pytest.mark.parametrize(("count", "status"), [(3, 0), (4, 1)])
def test_wrong_endings_end_with_1_and_are_written(tmp_path, count, status):
    command, out = campaign_command(campaign, "made", 3), tmp_path / "out.json"
    arguments = ["--count", str(count), "--work", str(tmp_path / "new"), "--out", str(out)]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == status
    assert "| audio  |       3 |" in result.stdout
    assert ("1 wrong endings" in result.stderr) == bool(status)
    record = json.loads(out.read_text())
    assert record["command"] == f"python -m tests.campaigns.made --count {count}"
    assert (record["wrong"], record["work"]) == ([{"number": 0}] * status, "new")


@pytest.mark.parametrize("door", ["search", "recipe"])
def test_packaged_yaml_is_changed(tmp_path, door):
    DOORS[door](None, tmp_path, random.Random(0))
    assert (tmp_path / "d.yaml").read_text()
