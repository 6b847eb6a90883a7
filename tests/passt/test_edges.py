"""Windows at the edges of clips and at odd places, against each window cut out on its own.

The reference shares nothing among windows: the clip is padded by numpy, every window is cut out of it and goes through
the embedder alone, as a clip of its own. An implementation that computes overlapping windows' frames once has to give
the same, also in the first and last frames of each window, which see its edges.
"""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from passt import EmbeddingSpec, PasstEmbedder
from passt.catalog import checkpoints
from passt.weights import load
from tests.reference_values import clip

pytestmark = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="numpy 1 reflects otherwise the second time"
)
LIGHT = "passt_demo"  # 12 narrow blocks, the smallest network
PER_MS = 32  # samples
PATCH_SAMPLES = 4801  # the shortest clip that holds a patch at hop 320
DEEP, SHALLOW = ("melmean", "features"), ("melmean", "block1")  # the first block alone is quick
TOLERANCE = {"mel": 5e-5, "melmean": 5e-5}  # of other levels 2e-5


@pytest.fixture(scope="module")
def embedder():
    return PasstEmbedder(EmbeddingSpec(LIGHT, weights="untrained-0"), device="cpu")


def cut(audio: Tensor, window: int, hop: int) -> list[Tensor]:
    """The excerpts of `window` samples centered on 0, hop, 2 hop, ... of the clip padded by numpy, each a copy."""
    padded = np.pad(audio.numpy(), (window // 2, window - window // 2), mode="reflect")
    return [torch.from_numpy(padded[at : at + window].copy()) for at in range(0, len(audio) + 1, hop)]


def own(embedder: PasstEmbedder, excerpts: Sequence[Tensor], levels: Sequence[str]) -> dict[str, Tensor]:
    """Each excerpt through the embedder alone: {level: (excerpts, dim)}."""
    passes = [embedder.scene([excerpt], [(level, None) for level in levels]) for excerpt in excerpts]
    return {level: torch.cat([found[level, None] for found in passes]) for level in levels}


def assert_near(found: Tensor, wanted: Tensor, level: str, what: str) -> None:
    assert found.shape == wanted.shape, f"{what}: {level}"
    apart = (found - wanted).abs().amax(dim=-1)
    worst = int(apart.argmax())
    assert apart[worst] <= TOLERANCE.get(level, 2e-5), f"{what}: {level} of window {worst} is {apart[worst]:.1e} off"


def assert_timestamps(
    embedder: PasstEmbedder,
    clips: Sequence[Tensor],
    windows_ms: Sequence[int],
    hop_ms: int,
    levels: Sequence[str] = SHALLOW,
) -> None:
    """Several clips and windows in one call are what each window of each clip is on its own."""
    taps = [(level, window_ms) for window_ms in windows_ms for level in levels] + [("mel", None)]
    for audio, (values, times) in zip(clips, embedder.timestamps(clips, taps, hop_ms), strict=True):
        steps = len(audio) // (PER_MS * hop_ms) + 1
        assert times.tolist() == [float(step * hop_ms) for step in range(steps)]
        assert values.keys() == set(taps)
        what = f"{len(audio)} samples every {hop_ms} ms"
        for window_ms in windows_ms:
            wanted = own(embedder, cut(audio, PER_MS * window_ms, PER_MS * hop_ms), levels)
            for level in levels:
                assert_near(values[level, window_ms], wanted[level], level, f"{what}, {window_ms} ms")
        excerpts = cut(audio, 6 * embedder.checkpoint.hop, PER_MS * hop_ms)
        mels = torch.stack([embedder.mel(excerpt).flatten() for excerpt in excerpts])
        assert_near(values["mel", None], mels, "mel", what)


@pytest.mark.parametrize(("window_ms", "hop_ms", "levels"), [(160, 50, DEEP), (151, 37, SHALLOW), (177, 25, SHALLOW)])
def test_lengths_about_a_patch_a_window_and_a_hop(embedder, window_ms, hop_ms, levels):
    window, hop = PER_MS * window_ms, PER_MS * hop_ms
    about = [n + more for n in (hop, window // 2, window) for more in (-1, 0, 1)]
    lengths = sorted({1, 2, 700, PATCH_SAMPLES - 1, PATCH_SAMPLES, *about})
    clips = [clip(0.4, seed)[-length:] for seed, length in enumerate(lengths)]
    assert_timestamps(embedder, clips, [window_ms], hop_ms, levels)


@pytest.mark.parametrize(
    ("windows_ms", "hop_ms", "levels"),
    [((160,), 10, SHALLOW), ((163,), 37, DEEP), ((177,), 25, SHALLOW), ((160, 640), 50, SHALLOW)],
)
def test_windows_and_hops_on_and_off_the_frames(embedder, windows_ms, hop_ms, levels):
    assert_timestamps(embedder, [clip(0.3, 1), clip(0.107, 2)], windows_ms, hop_ms, levels)


def test_windows_larger_than_several_clips_of_different_lengths(embedder):
    assert_timestamps(embedder, [clip(0.02, 1), clip(0.31, 2), clip(0.2, 3)], (333, 160, 700), 100)


@settings(max_examples=20)
@given(st.integers(1, 9000), st.integers(151, 320), st.integers(20, 120), st.integers(0, 99))
def test_any_length_window_and_hop(embedder, samples, window_ms, hop_ms, seed):
    assert_timestamps(embedder, [clip(0.3, seed)[:samples]], [window_ms], hop_ms)


def test_the_order_of_clips_and_windows_does_not_matter(embedder):
    clips, taps = [clip(0.3, 1), clip(0.107, 2)], [("melmean", 160), ("block1", 160), ("mel", None), ("block1", 200)]
    forward = embedder.timestamps(clips, taps, 25)
    backward = embedder.timestamps(clips[::-1], taps[::-1], 25)[::-1]
    for (one, _), (other, _) in zip(forward, backward, strict=True):
        for tap in taps:
            assert_near(one[tap], other[tap], tap[0], "in other order")


def test_a_finer_stft_hop():
    zeros = {name: torch.zeros(shape) for name, shape in load.shapes(checkpoints.get("stfthop100")).items()}
    embedder = PasstEmbedder(EmbeddingSpec("stfthop100"), weights=zeros, device="cpu")  # its mel is what is looked at
    clips = [clip(0.12, 1), clip(0.12, 2)[:1600], clip(0.12, 3)[:1]]
    assert_timestamps(embedder, clips, [50, 61], 25, ["melmean"])


@pytest.mark.parametrize("window_ms", [160, 200, 333])
def test_restricted_scene_windows(embedder, window_ms):
    """A window w: centered windows max(50, w // 4) ms apart; clips up to w in one pass, unpadded."""
    window, hop = PER_MS * window_ms, PER_MS * max(50, window_ms // 4)
    lengths = [PATCH_SAMPLES, window - 1, window, window + 1, window + hop - 1, window + hop, 2 * window + 777]
    clips = [clip(0.8, seed)[-length:] for seed, length in enumerate(lengths)]
    found = embedder.scene(clips, [(level, window_ms) for level in SHALLOW])
    for i, audio in enumerate(clips):
        excerpts = [audio] if len(audio) <= window else cut(audio, window, hop)
        wanted = own(embedder, excerpts, SHALLOW)
        for level in SHALLOW:
            what = f"{len(audio)} samples, scene window {window_ms} ms"
            assert_near(found[level, window_ms][i, None], wanted[level].mean(0, keepdim=True), level, what)


@pytest.mark.parametrize("samples", [320000, 320001])
def test_clips_about_the_longest_window(embedder, samples):
    """Up to 10 s in one pass; beyond, the mean over 10 s windows every 2.5 s. The mel tells, the network is slow."""
    audio = clip(10.1, 1)[:samples]
    excerpts = [audio] if samples <= 320000 else cut(audio, 320000, 80000)
    assert len(excerpts) == (1 if samples <= 320000 else 5)
    found = embedder.scene([audio], [("melmean", None)])["melmean", None]
    wanted = torch.stack([embedder.mel(excerpt).mean(dim=-1) for excerpt in excerpts]).mean(0, keepdim=True)
    assert_near(found, wanted, "melmean", f"{samples} samples")


@pytest.mark.parametrize(("name", "maximum_s", "hop_s"), [("passt_20sec", 20, 5), ("passt_30sec", 30, 10)])
def test_a_clip_beyond_the_longest_window_of_longer_checkpoints(name, maximum_s, hop_s):
    zeros = {name: torch.zeros(shape) for name, shape in load.shapes(checkpoints.get(name)).items()}
    embedder = PasstEmbedder(EmbeddingSpec(name), weights=zeros, device="cpu")  # its mel is what is looked at
    second = PER_MS * 1000
    audio = clip(maximum_s + 1.0, 2)
    fits = audio[: maximum_s * second]
    found = embedder.scene([fits, audio], [("melmean", None)])["melmean", None]
    for i, excerpts in enumerate(([fits], cut(audio, maximum_s * second, hop_s * second))):
        wanted = torch.stack([embedder.mel(excerpt).mean(dim=-1) for excerpt in excerpts]).mean(0, keepdim=True)
        assert_near(found[i, None], wanted, "melmean", f"{name}, {len(excerpts)} windows")


def test_a_clip_beyond_the_longest_window(embedder):
    audio = clip(10.5, 2)
    found = embedder.scene([audio], [(level, None) for level in SHALLOW])
    for level, values in own(embedder, cut(audio, 320000, 80000), SHALLOW).items():
        assert_near(found[level, None], values.mean(0, keepdim=True), level, "10.5 s")
