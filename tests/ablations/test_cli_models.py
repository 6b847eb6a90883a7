import json
import time

import pandas as pd
import pytest
from click.testing import CliRunner

from ablations.cli_models import download, models, models_table, to_text
from ablations.models import families
from passt import checkpoints, weights
from passt.download import recorded, sha256_of

NAME = "passt_s_swa_f128_stfthop160_p16_s10_ap473"


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("PASST_OFFLINE", "1")
    monkeypatch.setenv("PASST_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "weights").mkdir()


def put(name, content=b"weights"):
    path = weights.place(checkpoints.get(name))
    path.write_bytes(content)
    return path


def run(command, *args):
    return CliRunner().invoke(command, list(map(str, args)))


def test_every_model_is_listed_once_passt_first():
    models_table()  # what counting operations imports
    start = time.process_time()
    table = models_table()
    assert time.process_time() - start < 2
    assert sorted(table.name) == sorted(card.name for family in families().values() for card in family.cards)
    count = len(checkpoints.table())
    assert (table.family[:count] == "passt").all()
    assert (table.family[count:] != "passt").all()
    assert table[count:].drop(columns=["name", "alias", "family"]).isna().all(axis=None)


def test_what_a_row_says():
    put(NAME, b"x" * 2_500_000)
    table = models_table().set_index("name")
    row = table.loc[NAME]
    assert (row.alias, row.hop, row.hop_ms, row.stride, row.token_ms) == ("stfthop160", 160, 5.0, "10x10", 50.0)
    assert row.tokens_10s == 12 * 199 + 2  # Koutini et al. 2022, Table 2
    assert 86e6 < row.parameters < 87e6
    assert (row.audioset_mAP, row.trained_on) == (0.473, "AudioSet")
    assert (row.cached, row.cached_bytes) == (True, 2_500_000)
    assert table.cached.sum() == 1
    twenty = table.loc["passt-s-f128-20sec-p16-s10-ap474-swa"]
    assert twenty.tokens_10s == table.loc["passt_s_swa_p16_128_ap476"].tokens_10s == 1190
    text = to_text(models_table())
    assert "yes (2.5 MB)" in text
    assert "passt_s_swa_f128_stfthop160_p16_s10_ap473 (stfthop160)" in text
    assert "nan" not in text.lower()
    assert "<NA>" not in text


def test_the_list_is_written_as_data(tmp_path):
    found = run(models, "--csv", tmp_path / "models.csv", "--json", tmp_path / "models.json")
    assert found.exit_code == 0, found.output
    table = models_table()
    assert list(pd.read_csv(tmp_path / "models.csv").columns) == list(table.columns)
    rows = json.loads((tmp_path / "models.json").read_text())
    assert [row["name"] for row in rows] == list(table.name)
    assert rows[0]["parameters"] == table.parameters[0]
    (tmp_path / "folder").mkdir()
    found = run(models, "--csv", tmp_path / "folder")
    assert found.exit_code == 1
    assert found.output.startswith("Error: ")
    assert len(found.output.splitlines()) == 1


def test_names_go_on_behind_one_that_fails():
    path = put(NAME)
    found = run(download, "openmic", "nonsense", "stfthop160")
    assert found.exit_code == 1
    lines = found.output.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("Failed: openmic")
    assert "PASST_OFFLINE" in lines[0]
    assert lines[1].startswith("Failed: unknown checkpoint 'nonsense'")
    assert lines[2] == f"stfthop160: {path} (0.0 MB)"
    assert recorded(path) == sha256_of(path)
    assert run(download, NAME).exit_code == 0
    path.write_bytes(b"damaged")
    found = run(download, NAME)
    assert found.exit_code == 1
    assert "was recorded at its first use" in found.output


def test_all_is_every_published_one():
    found = run(download, "--all")
    assert found.exit_code == 1
    assert [name for name in checkpoints.table() if f"Failed: {name}: " not in found.output] == []


@pytest.mark.parametrize("args", [[], ["--all", NAME]])
def test_nothing_to_fetch_is_a_usage_error(args):
    found = run(download, *args)
    assert found.exit_code == 2
    assert "name the checkpoints to fetch, or --all" in found.output
