"""What a variant costs, as an objective of a search."""

import pytest

from ablations.models import cost, registry
from ablations.search.cost import COSTS, cost_of
from ablations.search.declared import Search
from ablations.study.study import Model
from passt import complexity
from passt.catalog import checkpoints


def model(text: str) -> Model:
    return Model(registry.resolve(text), "")


def test_costs_of_tasks_of_both_kinds():
    found = model("passt_demo@block1+features@w160+320@untrained-0")
    assert cost_of("width", found, [False]) == 2 * 192
    assert cost_of("width", found, [False, True]) == 4 * 192
    tokens = model("passt_demo@block2.tokens@w640@untrained-0")
    assert cost_of("width", tokens, [True]) == 12 * 5 * 192
    assert cost_of("width", tokens, [False, True]) == 12 * 8 * 192
    mean = (cost.macs(found.spec, False) + 2 * cost.macs(found.spec, True)) / 3
    assert cost_of("gmacs_per_s", found, [False, True, True]) == pytest.approx(mean / 10 / 1e9)
    assert cost_of("parameters", found, [True]) == complexity.parameters(checkpoints.get("passt_demo"))


def test_of_hear_modules_only_the_width_is_known():
    for name in set(COSTS) - {"width"}:
        with pytest.raises(ValueError, match=f"hear:some.module: {name} is not known, width is: what a HEAR module"):
            cost_of(name, model("hear:some.module"), [False])


@pytest.mark.parametrize("name", ["logmel", "melproj"])
def test_of_models_without_a_network_multiply_adds_are_not_known(name):
    assert cost_of("parameters", model(name), [False]) == 0
    with pytest.raises(ValueError, match=f"{name}: gmacs_per_s is not known, width is: it has no network"):
        cost_of("gmacs_per_s", model(name), [False, True])


def test_a_search_for_a_cost_that_is_not_known_is_refused_before_it_begins():
    space = [{"checkpoint": ["crepe_tiny", "crepe_full"]}, {"hear": "some.module"}]
    declared = {"name": "mine", "tasks": ["x"], "space": space, "objectives": ["score", "gmacs_per_s"]}
    with pytest.raises(ValueError, match="objectives: gmacs_per_s of hear:some.module is not known, width is: what a"):
        Search.from_dict(declared)
    assert Search.from_dict(declared | {"objectives": ["score", "width"]}).objectives == ("score", "width")
    assert Search.from_dict(declared | {"space": space[:1]}).objectives == ("score", "gmacs_per_s")
