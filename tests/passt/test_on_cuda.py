"""Calls on a GPU: the same numbers as on a CPU, one copy there, one wait for the results, and launches by the batch."""

from collections import Counter

import pytest
import torch

from passt import EmbeddingSpec, PasstEmbedder
from tests.reference_values import clip

TAPS = [("block3", None), ("features", None), ("features", 160)]
STEPS = [("block3", 160), ("features", 640), ("mel", None)]
LENGTHS = {"equal": (0.4, 0.4, 0.4), "mixed": (0.4, 0.3, 0.4, 0.6, 0.01, 0.3)}


@pytest.fixture
def embedders(pretended_cuda):
    spec = EmbeddingSpec("passt_demo", weights="demo")
    return PasstEmbedder(spec, device="cpu"), PasstEmbedder(spec, device="cuda")


def clips_of(name):
    return [clip(seconds, seed) for seed, seconds in enumerate(LENGTHS[name])]


@pytest.mark.parametrize("name", LENGTHS)
@pytest.mark.parametrize("there", [False, True])
def test_numbers_are_those_of_the_cpu_in_the_order_of_the_clips(embedders, name, there):
    here, gpu = embedders
    clips = clips_of(name)
    given = [one.to("cuda") if there and number != 1 else one for number, one in enumerate(clips)]
    wanted, found = here.scene(clips, TAPS), gpu.scene(given, TAPS)
    for tap in TAPS:
        assert found[tap].device.type == "cpu"
        assert torch.allclose(found[tap], wanted[tap], atol=5e-5), tap
    for (values, times), (expected, expected_times) in zip(
        gpu.timestamps(given, STEPS, 50), here.timestamps(clips, STEPS, 50), strict=True
    ):
        assert torch.equal(times, expected_times)
        for tap in STEPS:
            assert torch.allclose(values[tap], expected[tap], atol=5e-5), tap


def test_windows_of_long_clips_together(embedders):
    here, gpu = embedders
    clips, tap = [clip(10.01, 1), clip(10.01, 2)], ("block1", None)
    assert torch.allclose(gpu.scene(clips, [tap])[tap], here.scene(clips, [tap])[tap], atol=5e-5)


@pytest.mark.parametrize("call", ["scene", "timestamps"])
def test_a_call_is_two_pinned_buffers_and_the_launches_of_one_clip(embedders, pretended_cuda, call):
    def count(clips):
        with pretended_cuda.counting() as counts:
            gpu.scene(clips, TAPS) if call == "scene" else gpu.timestamps(clips, STEPS, 50)
        return counts

    _, gpu = embedders
    count([clip(0.4, 9)])
    one, many = count([clip(0.4, 1)]), count([clip(0.4, seed) for seed in range(4)])
    mixed = count([clip(0.4 + 0.1 * (seed % 2), seed) for seed in range(3)])
    for counts in (one, many, mixed):
        assert (counts.to_device, counts.pinned) == (1, 2)
        waits = Counter(wait.file for wait in counts.waits)
        assert waits == {"passt/network/snapshot.py": 2, "passt/windows/transfer.py": 1}
    assert many.launches <= one.launches + 6


def test_memory_that_is_short_makes_batches_smaller(embedders, pretended_cuda, caplog):
    here, gpu = embedders
    clips = [clip(0.2, seed) for seed in range(6)]
    wanted = here.timestamps(clips, STEPS[:2], 50)
    pretended_cuda.limit(pretended_cuda.allocated + (4 << 20))
    found = gpu.timestamps(clips, STEPS[:2], 50)
    assert "out of memory with" in caplog.text
    for (values, _), (expected, _) in zip(found, wanted, strict=True):
        for tap in STEPS[:2]:
            assert torch.allclose(values[tap], expected[tap], atol=5e-5)


def test_devices_have_their_index_and_must_exist(embedders):
    _, gpu = embedders
    assert gpu.device == torch.device("cuda", 0)
    with pytest.raises(ValueError, match="device must be cpu or cuda, got 'cuda:7'"):
        PasstEmbedder("passt_demo", device="cuda:7")
    with pytest.raises(ValueError, match="device must be cpu or cuda, got 'cuda:7'"):
        gpu.to("cuda:7")
