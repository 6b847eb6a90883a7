"""Which poolings there are, and which protocols can train them."""

import re

import pytest

from downstream.pooling.fixed import POOLS
from downstream.pooling.learned import PROGRAMS
from downstream.pooling.pooling import FIXED, OF_LEVELS, OF_TOKENS, Pooling, check_pooling, reason_against
from downstream.probes.protocol import SOLVED, Protocol

LEARNED = [name for name in (*OF_LEVELS, *OF_TOKENS) if name not in FIXED]


def test_every_pooling_is_computed():
    assert tuple(POOLS) == FIXED
    assert list(PROGRAMS) == LEARNED


@pytest.mark.parametrize(("name", "parts"), [("median", 3), ("mean", 0), ("weighted", -1)])
def test_what_is_no_pooling(name, parts):
    with pytest.raises(ValueError, match=f"{name!r}, expected weighted" if parts > 0 else f"{name}: expected 1 part"):
        Pooling(name, parts)


@pytest.mark.parametrize("base", SOLVED)
@pytest.mark.parametrize("name", LEARNED)
def test_what_learns_needs_a_probe_that_is_trained(name, base):
    pooling, protocol = Pooling(name, 3), Protocol.parse(f"{base}+fewshot2")
    reason = reason_against(pooling, protocol)
    assert reason.startswith(f"{base} can't learn ")
    assert f"({name})" in reason
    assert "hear2021" in reason
    assert ("mean, meanmax" in reason) == (name in OF_TOKENS)
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        check_pooling(pooling, protocol, {})


@pytest.mark.parametrize("name", [*OF_LEVELS, *OF_TOKENS, None])
def test_what_every_other_protocol_can(name):
    pooling = name and Pooling(name, 3)
    assert reason_against(pooling, Protocol.parse("hear2021+linear+grid1")) is None
    if name in (*FIXED, None):
        assert {reason_against(pooling, Protocol.parse(base)) for base in SOLVED} == {None}


def test_features_that_are_no_whole_parts():
    protocol = Protocol.parse("hear2021")
    check_pooling(Pooling("mean", 3), protocol, {"train": 12, "test": 12})
    with pytest.raises(ValueError, match="^pooling mean: test: expected a multiple of 3 features, .* got 13$"):
        check_pooling(Pooling("mean", 3), protocol, {"train": 12, "test": 13})
