"""The table of checkpoints, and what its networks cost."""

import math

import pytest

from passt import complexity
from passt.catalog import checkpoints
from passt.weights import load

TABLE = checkpoints.table()
PATCH_NUMBERS = 16 * 16


def test_every_file_has_a_name_of_its_own():
    files = [row.file for row in TABLE.values()]
    assert len(set(files)) == len(files) == 16
    for row in TABLE.values():
        assert row.url.startswith("https://") == (row.shipped is None)
        assert row.file.endswith((".pt", ".pth") if row.url else ".safetensors")


def test_demonstration_weights_are_of_demonstration_checkpoints_alone():
    for row in TABLE.values():
        assert ("demo" in row.card.weights) == (row.card.default_weights == "demo") == (row.shipped is not None)
        assert ("published" in row.card.weights) == (row.shipped is None)
    assert [name for name, row in TABLE.items() if row.shipped] == ["passt_demo", "passt_demo_hop160"]


def test_no_head_is_no_logits():
    for row in TABLE.values():
        assert ("logits" in row.levels) == (row.n_classes > 0)
        assert set(row.card.default_levels) <= set(row.levels)
        assert str(row.card.spec())
    deit = TABLE["deit_base_distilled_patch16_384"]
    assert (deit.n_classes, deit.card.default_levels, deit.grid, deit.layout) == (0, ("features",), (8, 62), "deit")


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_parameters_are_those_of_the_state_dict(row):
    assert complexity.parameters(row) == sum(math.prod(shape) for shape in load.shapes(row).values())


@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_macs_are_those_of_the_formula(row):
    width, hidden = row.width, row.mlp_width
    for seconds in (1.0, 10.0):
        patches = row.tokens(int(seconds * 32000)) - 2
        tokens = patches + 2
        block = tokens * (4 * width * width + 2 * width * hidden) + 2 * tokens * tokens * width
        # behind the last block only cls and dist are read: queries, keys and values of all tokens, the rest of two
        last = 3 * tokens * width * width + 2 * (width * width + 2 * width * hidden) + 2 * 2 * tokens * width
        whole = patches * PATCH_NUMBERS * width + (row.depth - 1) * block + last + width * row.n_classes
        assert complexity.macs(row, seconds) == whole


def test_scene_windows_of_longer_clips_are_those_of_hear21passt():
    hops = {row.alias: row.scene_hop_ms for row in TABLE.values() if row.max_window_s > 10}
    assert hops == {"passt_20sec": 5000, "passt_30sec": 10000}
    assert {row.scene_hop_ms for row in TABLE.values() if row.max_window_s <= 10} == {2500}


def test_costs_of_an_excerpt_that_does_not_fit_are_refused():
    row = checkpoints.get("passt_s_swa_p16_128_ap476")
    for seconds in (0.1, 10.1):
        with pytest.raises(ValueError, match=f"seconds must be 0.150 to 10, got {seconds}"):
            complexity.macs(row, seconds)
    assert complexity.macs(checkpoints.get("passt_20sec"), 20.0) > complexity.macs(checkpoints.get("passt_20sec"), 10.0)


def test_a_named_spec_is_no_checkpoint_which_is_said():
    with pytest.raises(ValueError, match="'2level-mel' is the name of a spec, not of a checkpoint: passt_s_swa"):
        checkpoints.get("2level-mel")
