"""What a variant costs: deeper levels, more windows and closer timestamps cost in proportion."""

import pytest

from ablations import models
from ablations.search.cost import COSTS, cost_of, macs_per_s
from ablations.study import Model
from passt import checkpoints, complexity


def model(text: str) -> Model:
    return Model(models.resolve(text), "")


def per_s(text: str, event: bool = True) -> float:
    return macs_per_s(models.resolve(text), event)


def test_a_pass_costs_what_its_depth_needs():
    embedded = complexity.macs(checkpoints.get("passt_demo"), levels=())
    blocks = [per_s(f"passt_demo@block{n}", event=False) - embedded / 10 for n in (1, 3)]
    assert blocks[1] == pytest.approx(3 * blocks[0], rel=1e-9)
    assert per_s("passt_demo@melmean", event=False) == 0


@pytest.mark.parametrize("name", ["passt_demo@features", "mn04_as@block15", "crepe_tiny"])
def test_timestamps_twice_as_far_apart_cost_half(name):
    assert per_s(f"{name}@t100") == pytest.approx(per_s(f"{name}@t200") * 2, rel=1e-9)


@pytest.mark.parametrize("name", ["passt_demo@features", "mn04_as@block15"])
def test_windows_add_up(name):
    alone = [per_s(f"{name}@w{window}") for window in (320, 640)]
    assert per_s(f"{name}@w320+640") == pytest.approx(sum(alone), rel=1e-9)
    assert alone[0] < alone[1]
    assert per_s(f"{name}@s640", event=False) > per_s(name, event=False)  # windows of scenes overlap


def test_costs_of_tasks_of_both_kinds():
    found = model("passt_demo@block1+features@w160+320@untrained-0")
    assert cost_of("width", found, [False]) == 2 * 192
    assert cost_of("width", found, [False, True]) == 4 * 192
    mean = (macs_per_s(found.spec, False) + 2 * macs_per_s(found.spec, True)) / 3
    assert cost_of("gmacs_per_s", found, [False, True, True]) == pytest.approx(mean / 1e9)
    assert cost_of("parameters", found, [True]) == complexity.parameters(checkpoints.get("passt_demo"))


def test_of_hear_modules_only_the_width_is_known():
    for name in set(COSTS) - {"width"}:
        with pytest.raises(ValueError, match=f"{name} is not known of HEAR modules"):
            cost_of(name, model("hear:some.module"), [False])
