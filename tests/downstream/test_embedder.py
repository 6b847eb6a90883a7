"""Optional members of embedders, and what follows from them."""

from types import SimpleNamespace

import pytest

from downstream.embedder import FAR_MS, OWN_HOP, distance_ms, optional, released, widths


def test_an_embedder_without_optional_members_has_the_defaults():
    embedder = SimpleNamespace(dims={"features": 3})
    members = optional(embedder)
    assert (members.calls_at_once, members.precision, members.versions) == (1, "fp32", {})
    assert widths(embedder, [("features", None)], 50) == {("features", None): 3}
    assert distance_ms(embedder, OWN_HOP) == FAR_MS
    with released(embedder):
        pass


def test_members_that_an_embedder_has_are_its_own():
    closed = []
    embedder = SimpleNamespace(
        dims={"features": 3}, timestamp_dims={"features": 5}, own_hop_ms=20.0, close=lambda: closed.append(1)
    )
    assert widths(embedder, [("features", None)], 50) == {("features", None): 5}
    assert widths(embedder, [("features", None)], None) == {("features", None): 3}
    assert (distance_ms(embedder, OWN_HOP), distance_ms(embedder, 50), distance_ms(embedder, None)) == (20.0, 50, None)
    with pytest.raises(KeyError), released(embedder):
        raise KeyError
    assert closed == [1]
