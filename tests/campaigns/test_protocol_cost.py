from tests.campaigns import protocol_cost


def test_a_row_for_each_size_and_protocol(monkeypatch):
    sizes = {"esc10": (("a", "b", "c"), 12, 6, 3), "large": (("train", "valid", "test"), 12, 6, 3)}
    monkeypatch.setattr(protocol_cost, "SIZES", sizes)
    record = protocol_cost.measure("cpu", protocols=["knn", "ridge"])
    assert [(row["task"], row["protocol"], row["folds"]) for row in record.rows] == [
        ("esc10", "knn", 3),
        ("esc10", "ridge", 3),
        ("large", "knn", 1),
        ("large", "ridge", 1),
    ]
    assert all(row["seconds"] > 0 and row["items"] == 36 for row in record.rows)
