"""The start from DeiT, against hear21passt's own conversion of the same tensors."""

import numpy as np
import pytest
import torch

from passt import PasstEmbedder
from passt.catalog import checkpoints
from passt.weights import deit, load
from tests.reference_values import REFERENCE, clip, filled_state

DEIT = checkpoints.get("deit_base_distilled_patch16_384")
BASE = checkpoints.get("passt_s_swa_p16_128_ap476")
LIGHT = checkpoints.get("passt_l_kd_p16_128_ap47")
CLASSES = 1000  # of ImageNet
SIDE = 24  # patches of a 384 x 384 image
TOLERANCE = 2e-5
ROUNDING = 1e-6


def published_shapes(side=SIDE):
    """Names and shapes of DeiT's tensors: a PaSST's, but for the filters, the position encoding and the heads."""
    shapes = {name: shape for name, shape in load.shapes(DEIT).items() if not name.startswith("head")}
    for name in ("new_pos_embed", "freq_new_pos_embed", "time_new_pos_embed"):
        del shapes[name]
    heads = {
        f"{head}.{kind}": (CLASSES, 768)[: 2 - (kind == "bias")]
        for head in ("head", "head_dist")
        for kind in ("weight", "bias")
    }
    return shapes | heads | {"pos_embed": (1, 2 + side * side, 768), "patch_embed.proj.weight": (768, 3, 16, 16)}


@pytest.fixture(scope="module")
def state():
    return filled_state(published_shapes())


@pytest.fixture(scope="module")
def reference():
    with np.load(REFERENCE / "deit.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (BASE.name, "s10_998"),
        ("stfthop160", "s10_2000"),
        ("passt_20sec", "s10_2000"),
        ("stfthop100", "s10_3200"),
        (DEIT.name, "s16_998"),
        ("passt_s_p16_s16_128_ap468", "s16_998"),
    ],
)
def test_encodings_are_hear21passts(state, reference, name, key):
    found = deit.encodings(state["pos_embed"], checkpoints.get(name).grid)
    for ours, theirs in (("freq_new_pos_embed", "frequency"), ("time_new_pos_embed", "time")):
        value, wanted = found[ours][:, ::16].numpy(), reference[f"{key}_{theirs}"]
        assert value.shape == wanted.shape
        assert np.abs(value - wanted).max() < ROUNDING
    assert np.array_equal(found["new_pos_embed"], reference["special"])


def test_the_start_is_embedded_with_as_by_hear21passt(state, reference, tmp_path):
    torch.save({"model": state}, tmp_path / "mine.pth")
    embedder = PasstEmbedder(DEIT.card.spec(), weights=tmp_path / "mine.pth", device="cpu")
    assert embedder.spec.levels == ("features",)
    assert "logits" not in embedder.dims
    assert np.abs(embedder.net.patch_embed.proj.weight[::32].numpy() - reference["filters"]).max() < ROUNDING
    found = embedder.scene_embedding(clip(2.0, seed=1)[None])[0].numpy()
    assert np.abs(found - reference["features_2.0s"]).max() < TOLERANCE
    torch.save(embedder.net.state_dict(), tmp_path / "converted.pt")
    again = PasstEmbedder(DEIT.card.spec(), weights=tmp_path / "converted.pt", device="cpu")
    assert again.fingerprint == embedder.fingerprint


def test_the_deit_has_no_head(state):
    with pytest.raises(ValueError, match="unknown level 'logits'"):
        DEIT.card.spec(levels=["logits"])
    assert [name for name, tensor in deit.start(DEIT, state).items() if tensor.numel() == 0] == [
        "head.1.weight",
        "head.1.bias",
        "head_dist.weight",
        "head_dist.bias",
    ]


def test_heads_are_fresh_and_come_from_the_seed(state):
    for checkpoint in (BASE, LIGHT):
        untrained = load.untrained(checkpoint, 7, prefix="head")
        found = deit.start(checkpoint, state, seed=7)
        assert load.state_of(found, checkpoint, "the start").keys() == load.shapes(checkpoint).keys()
        for name in ("head.0.weight", "head.1.weight", "head.1.bias", "head_dist.weight"):
            assert torch.equal(found[name], untrained[name]), name
        assert not torch.equal(found["head.1.weight"], deit.start(checkpoint, state, seed=8)["head.1.weight"])
        assert torch.equal(found["cls_token"], state["cls_token"])


def test_a_shallower_network_starts_with_the_first_every_second_and_the_last_block(state):
    found = deit.start(LIGHT, state)
    for new, old in enumerate((0, 1, 3, 5, 7, 9, 11)):
        assert torch.equal(found[f"blocks.{new}.attn.qkv.weight"], state[f"blocks.{old}.attn.qkv.weight"])


def test_published_weights_need_their_published_hash(monkeypatch, tmp_path):
    monkeypatch.setenv("PASST_OFFLINE", "1")
    monkeypatch.setenv("PASST_WEIGHTS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"deit_base_distilled_patch16_384-d0272ac0.pth"):
        load.imagenet_start(BASE)
    (tmp_path / DEIT.file).write_bytes(b"other")
    with pytest.raises(ValueError, match=r"d0272ac0.pth: its sha256 is [0-9a-f]{12}, expected d0272ac0; delete it"):
        load.imagenet_start(BASE)


def test_what_is_no_deit_is_refused(state, tmp_path):
    with pytest.raises(ValueError, match="a start from DeiT needs its pos_embed"):
        deit.start(BASE, {"cls_token": torch.zeros(1)})
    broken = {name: tensor for name, tensor in state.items() if name != "blocks.3.norm1.bias"}
    with pytest.raises(ValueError, match=r"not a DeiT-B/384 distilled: blocks.3.norm1.bias becomes none"):
        deit.start(BASE, broken)
    torch.save(state, tmp_path / "deit.pt")
    with pytest.raises(ValueError, match=r"deit.pt: not passt_s_swa_p16_128_ap476: 3 tensors missing"):
        load.read(tmp_path / "deit.pt", BASE)
