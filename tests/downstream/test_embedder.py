"""The optional members of embedders."""

from types import SimpleNamespace

from downstream.embedder import FAR_MS, OWN_HOP, OptionalMembers, distance_ms, optional, released, widths


def test_an_embedder_without_optional_members_has_their_defaults():
    plain = SimpleNamespace(dims={"a": 3})
    assert optional(plain) == OptionalMembers()
    assert widths(plain, [("a", None)], 50) == widths(plain, [("a", None)], None) == {("a", None): 3}
    assert distance_ms(plain, OWN_HOP) == FAR_MS
    with released(plain) as embedder:
        assert embedder is plain


def test_optional_members_are_taken():
    closed = []
    able = SimpleNamespace(
        dims={"a": 3}, timestamp_dims={"a": 5}, own_hop_ms=40.0, precision="bf16", close=lambda: closed.append(True)
    )
    assert optional(able).precision == "bf16"
    assert widths(able, [("a", None)], 50) == {("a", None): 5}
    assert distance_ms(able, OWN_HOP) == 40.0
    with released(able):
        assert not closed
    assert closed
