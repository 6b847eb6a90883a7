"""Every reference array of hear21passt is reproduced, within the tolerances stated with them."""

import json

import numpy as np
import pytest
import torch

from passt import EmbeddingSpec, PasstEmbedder
from passt.catalog import checkpoints
from passt.weights import load
from tests.reference_values import REFERENCE, clip, filled_state

EMBEDDING, MEL = 2e-5, 5e-5  # largest absolute difference, fp32 on a CPU
CHECKPOINTS = {"base": "passt_s_swa_p16_128_ap476", "hop160": "stfthop160", "no_overlap": "passt_s_p16_s16_128_ap468"}
MANIFEST = json.loads((REFERENCE / "passt_manifest.json").read_text())


@pytest.fixture(scope="module", params=CHECKPOINTS)
def case(request):
    """(name, manifest entry, reference arrays, embedder with the rule's weights)."""
    checkpoint = checkpoints.get(CHECKPOINTS[request.param])
    embedder = PasstEmbedder(
        EmbeddingSpec(checkpoint.name), weights=filled_state(load.shapes(checkpoint)), device="cpu"
    )
    with np.load(REFERENCE / f"passt_{request.param}.npz") as arrays:
        return request.param, MANIFEST[request.param], dict(arrays), embedder


def test_every_array_is_reproduced(case):
    name, entry, reference, embedder = case
    found = {}
    for seconds in entry["scene_seconds"]:
        audio = clip(seconds, seed=1)
        found[f"scene_{seconds}s"] = embedder.scene_embedding(audio[None])[0]
        if f"mel_{seconds}s" in reference:
            found[f"mel_{seconds}s"] = embedder.mel(audio)[:, :64]
        if seconds == entry["taps_of_scene_seconds"]:
            found |= blocks(embedder, audio)
    if entry["timestamp_seconds"]:
        audio = clip(entry["timestamp_seconds"], seed=2)
        for window in entry["timestamp_windows_ms"]:
            taps = [("logits", window), ("features", window), ("mel", None)]
            ((values, centres),) = embedder.timestamps([audio], taps, hop_ms=50)
            found[f"timestamp_{window}ms"] = torch.cat([values[tap] for tap in taps[:2]], dim=1)
            found[f"timestamp_{window}ms_centres"] = centres
            found["timestamp_mels"] = values["mel", None]
    wanted = {key.replace("_cls", "").replace("_dist", ""): value for key, value in reference.items()}
    for key in reference:
        if key.endswith("_cls"):
            wanted[key[:-4]] = (reference[key] + reference[key[:-4] + "_dist"]) / 2
    assert found.keys() == wanted.keys(), name
    for key, value in wanted.items():
        assert found[key].shape == value.shape, key
        difference = np.abs(found[key].numpy() - value).max()
        assert difference <= (MEL if "mel" in key else EMBEDDING), f"{key}: {difference}"


def test_parameters(case):
    _, entry, _, embedder = case
    assert sum(parameter.numel() for parameter in embedder.net.parameters()) == entry["parameters"]


def blocks(embedder, audio) -> dict[str, torch.Tensor]:
    """Every block's levels under the reference's names."""
    depth = embedder.checkpoint.depth
    taps = [(f"block{n}{pool}", None) for n in range(1, depth + 1) for pool in ("", ".patches")]
    values = embedder.scene([audio], taps)
    named = {f"block{n:02d}": values[f"block{n}", None][0] for n in range(1, depth + 1)}
    return named | {f"block{n:02d}_patch_mean": values[f"block{n}.patches", None][0] for n in range(1, depth + 1)}


@pytest.mark.parametrize("name", json.loads((REFERENCE / "passt_state_dict.json").read_text()))
def test_names_and_shapes_are_those_of_the_published_checkpoints(name):
    published = json.loads((REFERENCE / "passt_state_dict.json").read_text())[name]
    assert load.shapes(checkpoints.get(name)) == {key: tuple(shape) for key, shape in published.items()}


@pytest.mark.gpu
def test_cuda_agrees_with_the_cpu(case, cuda):
    _, _, _, embedder = case
    on_cuda = PasstEmbedder(embedder.spec, weights=embedder.net.state_dict(), device=cuda)
    clips = [clip(2.0, seed=1), clip(0.7, seed=2)]
    taps = [("block6", None), ("features", 640), ("logits", None)]
    here, there = embedder.scene(clips, taps), on_cuda.scene(clips, taps)
    for tap in taps:
        assert torch.allclose(here[tap], there[tap], atol=5e-5)
