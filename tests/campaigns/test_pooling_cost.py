from downstream.pooling.learned import PROGRAMS
from tests.campaigns import pooling_cost


def test_a_row_for_each_arrangement(monkeypatch):
    for name, value in {"ITEMS": 40, "WIDTH": 6, "LABELS": 3, "LEVELS": 3, "TOKENS": 2}.items():
        monkeypatch.setattr(pooling_cost, name, value)
    record = pooling_cost.measure(1)
    names = ["none", "none", *PROGRAMS]
    assert [row["pooling"] for row in record.rows] == 2 * names
    assert [row["parts"] for row in record.rows[:5]] == [1, 3, 3, 3, 2]
    assert all(row["cpu_ms"] > 0 and row["ratio"] > 0 for row in record.rows)
    operations = {(row["pooling"], row["parts"], row["layers"]): row["operations"] for row in record.rows}
    for layers in (0, 1):
        assert operations["none", 1, layers] == operations["none", 3, layers] < operations["weighted", 3, layers]
