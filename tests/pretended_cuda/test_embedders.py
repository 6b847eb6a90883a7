"""Embedders on the pretended device, against the CPU."""

import pytest
import torch

from ablations.models import registry
from passt import EmbeddingSpec, PasstEmbedder, hear
from passt.catalog import checkpoints
from tests.reference_values import clip

SPEC = EmbeddingSpec(
    "passt_demo", levels=("features", "logits", "block6.patches"), windows_ms=(160, 640), weights="demo"
)
CLIPS = [clip(2.0, 1), clip(2.0, 2), clip(1.3, 3)]
SHORT = [clip(0.5, 1), clip(0.5, 2), clip(0.3, 3)]
OFF = {"fp32": (0, 2e-5), "tf32": (1e-5, 5e-3), "bf16": (1e-4, 5e-2)}
"""Precision -> the least and the most of the largest difference from fp32, in largest values: rounding is real."""


def off(found, wanted):
    return float((found - wanted).abs().max() / wanted.abs().max())


@pytest.fixture(scope="module")
def on_cpu():
    return PasstEmbedder(SPEC, device="cpu")


@pytest.mark.parametrize("precision", OFF)
def test_scenes(pretended_cuda, on_cpu, precision):
    taps = [*SPEC.scene_taps(), ("melmean", None), ("features", 640), ("block6.tokens", None), ("block12.tokens", 640)]
    wanted = on_cpu.scene(CLIPS, taps)
    embedder = PasstEmbedder(SPEC, device="cuda", precision=precision)
    with pretended_cuda.counting() as counts:
        found = embedder.scene(CLIPS, taps)
    assert all(value.device.type == "cpu" for value in found.values())
    least, most = OFF[precision]
    for tap in taps:
        assert off(found[tap], wanted[tap]) <= (OFF["fp32"][1] if tap[0] == "melmean" else most), tap
    assert off(found["features", None], wanted["features", None]) >= least
    assert_products_in(counts, precision, SPEC)


@pytest.mark.parametrize("precision", OFF)
def test_timestamps(pretended_cuda, on_cpu, precision):
    taps = [*SPEC.timestamp_taps(), ("mel", None), ("melmean", 160), ("block6.tokens", 640)]
    wanted = on_cpu.timestamps(SHORT, taps, 50)
    embedder = PasstEmbedder(SPEC, device="cuda", precision=precision)
    found = embedder.timestamps(SHORT, taps, 50)
    least, most = OFF[precision]
    for (values, times), (wanted_values, wanted_times) in zip(found, wanted, strict=True):
        assert torch.equal(times, wanted_times)
        for tap in taps:
            limit = OFF["fp32"][1] if tap[0].startswith("mel") else most
            assert least * (tap == ("features", 160)) <= off(values[tap], wanted_values[tap]) <= limit, tap


def assert_products_in(counts, precision, spec):
    """The products of all blocks are computed in the type of the precision, and the front end in fp32."""
    products = {name: number for name, number in counts.kernels.items() if name.startswith(("addmm ", "mm ", "bmm "))}
    blocks = 4 * checkpoints.get(spec.checkpoint).depth if precision == "bf16" else 0
    assert sum(number for name, number in products.items() if "BFloat16" in name) >= blocks
    assert (counts.by_tf32 > 0) == (precision == "tf32")


def test_hear_api(pretended_cuda):
    text = "passt_demo@features+mel"
    here, there = hear.load_model(spec=text, device="cpu"), hear.load_model(spec=text)
    assert there.device.type == "cuda"
    audio = torch.stack(SHORT[:2])
    for sound in (audio, audio.to("cuda")):
        scenes = hear.get_scene_embeddings(sound, there)
        values, times = hear.get_timestamp_embeddings(sound, there)
        assert all(tensor.is_cuda for tensor in (scenes, values, times))
    wanted, wanted_times = hear.get_timestamp_embeddings(audio, here)
    assert off(scenes.cpu(), hear.get_scene_embeddings(audio, here)) <= OFF["fp32"][1]
    assert off(values.cpu(), wanted) <= OFF["fp32"][1]
    assert torch.equal(times.cpu(), wanted_times)


@pytest.mark.parametrize(
    ("text", "precision", "most"),
    [
        ("cnn_demo", "fp32", 1e-4),
        ("cnn_demo", "bf16", 5e-2),
        ("mn01_as@untrained-0", "bf16", 5e-2),
        ("crepe_tiny", "fp32", 1e-4),
        ("crepe_tiny", "bf16", 5e-2),
        ("logmel", "fp32", 1e-4),
        ("melproj", "fp32", 1e-4),
        ("chance", "fp32", 0),
    ],
)
def test_baselines(pretended_cuda, text, precision, most):
    spec = registry.resolve(text)
    here, there = registry.build(spec, device="cpu"), registry.build(spec, device="cuda", precision=precision)
    clips = [clip(1.0, 1, here.sample_rate), clip(1.0, 2, here.sample_rate), clip(0.6, 3, here.sample_rate)]
    taps = spec.scene_taps()
    wanted, found = here.scene(clips, taps), there.scene(clips, taps)
    for tap in taps:
        assert off(found[tap], wanted[tap]) <= most, tap
    taps = spec.timestamp_taps()
    for (values, times), (wanted_values, wanted_times) in zip(
        there.timestamps(clips, taps, 50), here.timestamps(clips, taps, 50), strict=True
    ):
        assert torch.equal(times, wanted_times)
        for tap in taps:
            assert off(values[tap], wanted_values[tap]) <= most, tap
