"""Weight files as people's own trainings leave them: taken where one network fits, else explained in one line."""

import collections
import dataclasses
import json
import re

import pytest
import safetensors.torch
import torch

from passt import EmbeddingSpec, PasstEmbedder
from passt.weights.state_dicts import Part, network_of
from tests.reference_values import clip

SHAPES = {"body.weight": (2, 3), "norm.num_batches_tracked": (), "head.weight": (4, 3), "head.bias": (4,)}
HEAD = Part(("head.weight", "head.bias"), ("head.weight", "head.bias"))
STATE = {
    "body.weight": torch.arange(6.0).reshape(2, 3),
    "norm.num_batches_tracked": torch.tensor(3),
    "head.weight": torch.ones(4, 3),
    "head.bias": torch.zeros(4),
}


def behind(prefix, state=STATE):
    return {f"{prefix}{name}": value for name, value in state.items()}


def taken(content):
    return network_of(content, SHAPES, "net", "mine.pt", [HEAD])


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        collections.OrderedDict(STATE),
        behind("module."),
        behind("_orig_mod."),
        behind("module._orig_mod.model.net."),
        {"model": STATE},
        {"state_dict": behind("net."), "epoch": 3, "optimizer_states": [{"state": {}}], "loops": {"fit": {"n": 1}}},
        {"state_dict": behind("student.") | {"mel.window": torch.ones(8), "loss.pos_weight": torch.ones(1)}},
        {"n_averaged": torch.tensor(5)} | behind("module."),
        {"state_dict": behind("net."), "net": STATE},  # the same twice
        {"model": STATE, "optimizer": {"state": {0: {"exp_avg": torch.ones(2, 3)}}}},
    ],
)
def test_a_state_dict_is_found_behind_one_prefix(content):
    found = taken(content)
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], value) for name, value in STATE.items())


def without(*names):
    return {name: value for name, value in STATE.items() if name not in names}


def test_a_head_may_be_absent_or_of_another_width():
    assert taken(behind("net.", without(*HEAD.names))).keys() == {"body.weight", "norm.num_batches_tracked"}
    wide = STATE | {"head.weight": torch.ones(9, 3), "head.bias": torch.zeros(9)}
    assert taken(wide)["head.weight"].shape == (9, 3)


DENSE = "body.weight must be a dense tensor of floats, got one "
OTHER = {name: value + 1 for name, value in STATE.items()}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"state_dict": behind("net.") | behind("net_swa.module.", OTHER)},
            "holds several networks, behind 'state_dict: net.' and 'state_dict: net_swa.module.'; "
            "save the state dict of one alone",
        ),
        (STATE | behind("ema.", OTHER), "holds several networks, behind '' and 'ema.'"),
        ({"model": STATE, "model_ema": OTHER}, "holds several networks, behind 'model: ' and 'model_ema: '"),
        (
            behind("module.", without("body.weight")),
            "not net: 1 tensors missing ['body.weight'], 0 unexpected [] behind 'module.'",
        ),
        (STATE | {"extra": torch.ones(1)}, "not net: 0 tensors missing [], 1 unexpected ['extra']"),
        (without("head.bias"), "not net: 1 tensors missing ['head.bias']"),
        ({"a": torch.ones(1)}, "not net: 2 tensors missing ['body.weight', "),
        (STATE | {"epoch": 3}, "not a state dict of tensors: it holds dict of other things, such as 'epoch'"),
        ({}, "not a state dict of tensors: it holds nothing"),
        (torch.ones(2), "not a state dict of tensors: it holds Tensor"),
        (STATE | {"body.weight": torch.ones(3, 3)}, "not net: body.weight is (3, 3), expected (2, 3)"),
        (STATE | {"head.bias": torch.ones(5)}, "not net: head.bias is (5,), expected (4,)"),
        (STATE | {"body.weight": torch.ones(2, 3, dtype=torch.int8)}, DENSE + "int8"),
        (STATE | {"body.weight": torch.ones(2, 3, dtype=torch.complex64)}, DENSE + "complex64"),
        (STATE | {"body.weight": torch.ones(2, 3).to_sparse()}, DENSE + "float32, sparse_coo"),
        (STATE | {"body.weight": torch.ones(2, 3, device="meta")}, DENSE + "without values"),
        (STATE | {"body.weight": torch.full((2, 3), torch.nan)}, "body.weight holds NaN or infinite values"),
    ],
)
def test_what_does_not_fit_is_explained_in_one_line(content, message):
    with pytest.raises(ValueError, match=re.escape(f"mine.pt: {message}")) as error:
        taken(content)
    assert "\n" not in str(error.value)


SPEC = EmbeddingSpec("passt_demo", levels=("block3", "features"), windows_ms=(160,), weights="demo")
AUDIO = clip(0.2, 1)[None]


@pytest.fixture(scope="module")
def demo():
    return PasstEmbedder(SPEC, device="cpu")


@pytest.fixture
def own(demo, tmp_path):
    """Makes a weight file of the demonstration network with a head of so many outputs."""

    def make(classes, labels=None, architecture=None):
        state = {name: value.clone() for name, value in demo.net.state_dict().items()}
        if classes is None:
            state = {name: value for name, value in state.items() if not name.startswith("head")}
        else:
            for name in ("head.1.weight", "head.1.bias", "head_dist.weight", "head_dist.bias"):
                state[name] = state[name][:classes].clone()
        notes = {"labels": labels or [], "recipe": {"network": "passt", "architecture": architecture or {}}}
        path = tmp_path / "mine.safetensors"
        safetensors.torch.save_file(state, path, {"training": json.dumps(notes)})
        return path

    return make


@pytest.mark.parametrize("classes", [3, 747, None])
def test_levels_without_the_head_are_those_of_any_head(own, classes, demo):
    embedder = PasstEmbedder(SPEC, weights=own(classes), device="cpu")
    assert torch.equal(embedder.scene_embedding(AUDIO), demo.scene_embedding(AUDIO))
    assert embedder.dims.get("logits") == classes
    assert (embedder.fingerprint == demo.fingerprint) == (classes == 747)
    twin = PasstEmbedder(SPEC, weights=embedder.net.state_dict(), device="cpu")
    assert twin.fingerprint == embedder.fingerprint


def test_logits_are_the_files(own, demo):
    spec = dataclasses.replace(SPEC, levels=("logits",))
    embedder = PasstEmbedder(spec, weights=own(3, ["dog", "cat", "wind"]), device="cpu")
    found = embedder.scene_embedding(AUDIO)
    wanted = PasstEmbedder(spec, device="cpu").scene_embedding(AUDIO)
    assert torch.allclose(found, wanted[:, :3], atol=1e-5)
    assert embedder.labels == ("dog", "cat", "wind")
    with pytest.raises(ValueError, match=r"mine.safetensors: has no head, and so no level logits; ask for features"):
        PasstEmbedder(spec, weights=own(None), device="cpu")
    with pytest.raises(ValueError, match="unknown level 'logits'"):
        PasstEmbedder(SPEC, weights=own(None), device="cpu").scene([AUDIO[0]], [("logits", None)])


def test_a_file_that_contradicts_itself_or_its_checkpoint_is_refused(own):
    with pytest.raises(ValueError, match=r"mine.safetensors: names 2 labels, but its head has 3 outputs"):
        PasstEmbedder(SPEC, weights=own(3, ["dog", "cat"]), device="cpu")
    with pytest.raises(ValueError, match=r"mine.safetensors: was trained with hop 160, passt_demo has 320"):
        PasstEmbedder(SPEC, weights=own(3, architecture={"hop": 160, "n_classes": 0}), device="cpu")


def test_a_pickled_module_is_never_run(demo, tmp_path):
    torch.save(demo.net, tmp_path / "whole.pt")
    with pytest.raises(ValueError, match=r"whole.pt: not a state dict .*; save the network's state_dict\(\) alone"):
        PasstEmbedder(SPEC, weights=tmp_path / "whole.pt", device="cpu")
