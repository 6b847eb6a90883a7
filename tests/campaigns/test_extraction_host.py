"""The measurement of the host's time of extractions."""

import json

from click.testing import CliRunner

from tests.campaigns import extraction_host
from tests.campaigns.extraction_host import COLUMNS, TAPS, Size


def test_flushes_and_calls_are_counted_beside_an_earlier_record(monkeypatch, tmp_path):
    monkeypatch.setattr(extraction_host, "SIZES", {"scenes": Size(2, 70, 5.0), "steps": Size(1, 2, 1.0, 500)})
    monkeypatch.setattr(extraction_host, "TRIALS", 1)
    files = []
    for label in ("before", "after"):
        beside = ["--beside", str(files[-1])] if files else []
        files.append(tmp_path / f"{label}.json")
        done = CliRunner().invoke(extraction_host.main, ["--label", label, "--out", str(files[-1]), *beside])
        assert done.exit_code == 0, done.output
    rows = json.loads(files[-1].read_text())["rows"]
    assert [row["label"] for row in rows] == ["before"] * 4 + ["after"] * 4
    assert all(set(row) == set(COLUMNS) for row in rows)
    assert [row["calls"] for row in rows[:4]] == [4, 2, 1, 1]  # 48 and 22 clips; 70 where the device asks for more
    once = 3 + 1 + 2 * len(TAPS)  # plan, index and journal; timestamps; data and records
    assert [row["fsyncs"] for row in rows[:4]] == [2 * once, 2 * once, once, once]
    assert rows[1]["device_s"] > 0 == rows[0]["device_s"]
