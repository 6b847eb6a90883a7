"""Properties of the embedder that the reference values do not show."""

import dataclasses
import logging
from types import SimpleNamespace

import pytest
import torch

from passt import EmbeddingSpec, PasstEmbedder
from passt.catalog import checkpoints
from passt.network.identity import fingerprint_of, hash_of
from passt.weights import load
from tests.reference_values import clip

LIGHT = "passt_demo"  # 12 narrow blocks, the smallest network
WIDTH = 192
TOLERANCE = 2e-5


@pytest.fixture(scope="module")
def embedder():
    return PasstEmbedder(EmbeddingSpec(LIGHT, weights="untrained-0"), device="cpu")


def test_clips_of_any_lengths_together_give_what_each_gives_alone(embedder):
    clips = [clip(1.0, 1), clip(0.31, 2), clip(1.004, 3), clip(10.5, 4)]
    taps = [("features", None), ("block3.patches", None), ("melmean", None)]
    together = embedder.scene(clips, taps)
    for i, one in enumerate(clips):
        alone = embedder.scene([one], taps)
        for tap in taps:
            assert torch.allclose(together[tap][i], alone[tap][0], atol=TOLERANCE), (i, tap)


def test_timestamps_of_several_clips_are_those_of_each(embedder):
    clips = [clip(0.4, 1), clip(0.15, 2)]
    taps = [("features", 160), ("block2", 320), ("mel", None)]
    for one, (values, times) in zip(clips, embedder.timestamps(clips, taps, hop_ms=50), strict=True):
        ((alone, alone_times),) = embedder.timestamps([one], taps, hop_ms=50)
        assert torch.equal(times, alone_times)
        assert len(times) == len(one) // 1600 + 1
        for tap in taps:
            assert values[tap].shape == (len(times), embedder.dims[tap[0]])
            assert torch.allclose(values[tap], alone[tap], atol=TOLERANCE)


def test_a_tap_does_not_depend_on_which_others_are_asked_for(embedder):
    audio = [clip(0.5, 1)]
    levels = [level for level in embedder.dims if level != "mel"]
    every = embedder.scene(audio, [(level, None) for level in levels])
    for level in levels:
        assert torch.equal(embedder.scene(audio, [(level, None)])[level, None], every[level, None]), level


def test_a_restricted_scene_window_is_the_mean_over_its_windows(embedder):
    audio = clip(2.0, 1)
    found = embedder.scene([audio], [("features", 400)])["features", 400][0]
    ((steps, _),) = embedder.timestamps([audio], [("features", 400)], hop_ms=100)  # max(50, 400 // 4)
    assert torch.allclose(found, steps["features", 400].mean(0), atol=TOLERANCE)
    short = clip(0.4, 1)
    assert torch.equal(
        embedder.scene([short], [("features", 400)])["features", 400],
        embedder.scene([short], [("features", None)])["features", None],
    )


@pytest.mark.parametrize("samples", [1, 2, 500, 4800])
def test_a_clip_shorter_than_a_patch_gets_zeros_which_is_said(embedder, samples, caplog):
    audio = clip(0.2, 1)[:samples]
    with caplog.at_level(logging.WARNING):
        found = embedder.scene([audio], [("features", None)])["features", None]
    assert "1 of 1 clips are shorter than 4801 samples: zeros added at their end" in caplog.text
    padded = torch.nn.functional.pad(audio, (0, 4801 - samples))
    assert torch.equal(found, embedder.scene([padded], [("features", None)])["features", None])
    ((values, times),) = embedder.timestamps([audio], [("features", 640), ("mel", None)], hop_ms=50)
    assert torch.isfinite(values["features", 640]).all()
    assert len(times) == samples // 1600 + 1


def test_public_methods_concatenate_the_specs_levels():
    spec = EmbeddingSpec(LIGHT, ("block2", "melmean", "mel"), (160, 320), weights="untrained-0")
    embedder = PasstEmbedder(spec, device="cpu")
    audio = torch.stack([clip(0.3, 1), clip(0.3, 2)])
    assert embedder.scene_embedding(audio).shape == (2, WIDTH + 128)
    values, times = embedder.timestamp_embedding(audio)
    assert values.shape == (2, 7, 2 * (WIDTH + 128) + 768)
    assert times.tolist() == [50.0 * step for step in range(7)]
    assert values.dtype == times.dtype == torch.float32


def test_the_fingerprint_is_of_what_decides_the_numbers(embedder):
    same = PasstEmbedder(EmbeddingSpec(LIGHT, ("block1",), (320,), weights="untrained-0"), device="cpu")
    other = PasstEmbedder(EmbeddingSpec(LIGHT, weights="untrained-1"), device="cpu")
    assert same.fingerprint == embedder.fingerprint
    assert other.fingerprint != embedder.fingerprint
    assert len(embedder.fingerprint) == 16


@pytest.mark.parametrize(
    "changes",
    [
        *({"hop": 160}, {"fstride": 16}, {"tstride": 16}, {"n_frames": 1500}, {"depth": 5}, {"max_window_s": 20}),
        *({"width": 96, "heads": 4}, {"precision": "bf16"}, {"tensor": 1.0}),
    ],
    ids=str,
)
def test_whatever_decides_the_numbers_is_in_the_fingerprint(changes):
    """Tensors of one shape serve several hops, strides and windows, whose embeddings must not share a place."""

    def fingerprint(precision="fp32", tensor=0.0, **of_checkpoint):
        row = dataclasses.replace(checkpoints.get(LIGHT), **of_checkpoint)
        settings = PasstEmbedder._settings(SimpleNamespace(checkpoint=row, precision=precision))
        return fingerprint_of(settings, {"a": torch.full((2,), tensor)})

    assert fingerprint() == fingerprint(audioset_mAP=0.1, url="elsewhere")
    assert fingerprint(**changes) != fingerprint()


def test_names_shapes_and_types_of_tensors_are_in_their_hash():
    values = torch.arange(4, dtype=torch.float32)
    states = [
        {"a": values},
        {"b": values},
        {"a": values.reshape(2, 2)},
        {"a": values.view(torch.int32)},
        {"a": -values},
    ]
    assert len({hash_of(state) for state in states}) == len(states)
    assert hash_of({"a": values, "b": values}) == hash_of({"b": values, "a": values})


def test_an_embedder_keeps_its_weights_to_itself():
    state = load.untrained(checkpoints.get(LIGHT), 5)
    state["cls_token"] = torch.nn.Parameter(state["cls_token"])
    mine = PasstEmbedder(EmbeddingSpec(LIGHT, weights="demo"), weights=state, device="cpu")
    before = mine.scene([clip(0.3, 1)], [("features", None)])["features", None]
    with torch.no_grad():
        state["cls_token"] += 1
    assert torch.equal(mine.scene([clip(0.3, 1)], [("features", None)])["features", None], before)
    assert state["cls_token"].requires_grad


def test_weights_in_half_precision_are_taken():
    state = {name: tensor.bfloat16() for name, tensor in load.untrained(checkpoints.get(LIGHT), 5).items()}
    mine = PasstEmbedder(EmbeddingSpec(LIGHT, weights="demo"), weights=state, device="cpu")
    assert mine.net.cls_token.dtype == torch.float32
    assert mine.spec.weights.startswith("sha256-")


def test_wrong_calls_are_named(embedder):
    with pytest.raises(ValueError, match="at least one clip is needed, got none"):
        embedder.scene([], [("features", None)])
    with pytest.raises(ValueError, match="mel is a level of timestamp embeddings only"):
        embedder.scene([clip(1, 1)], [("mel", None)])
    with pytest.raises(ValueError, match="the window of a timestamp tap features must be milliseconds, got None"):
        embedder.timestamps([clip(1, 1)], [("features", None)], 50)
    with pytest.raises(ValueError, match="unknown level 'block19' .did you mean 'block.*lists all"):
        embedder.scene([clip(1, 1)], [("block19", None)])
    for window in (10, 20_000):
        with pytest.raises(ValueError, match=f"the window of a tap must be 151 to 10000 ms, got {window} ms"):
            embedder.timestamps([clip(1, 1)], [("features", window)], 50)
    with pytest.raises(ValueError, match="hop_ms must be a positive number of milliseconds, got 0"):
        embedder.timestamps([clip(1, 1)], [("features", 160)], 0)
    with pytest.raises(ValueError, match=r"clip 1 must be 1-d with at least one sample, got shape \(0,\)"):
        embedder.scene([clip(1, 1), torch.zeros(0)], [("features", None)])
    with pytest.raises(ValueError, match=r"audio must be \(clips, samples\), got shape \(32000,\)"):
        embedder.scene_embedding(clip(1, 1))
    with pytest.raises(ValueError, match="precision must be one of fp32, tf32, bf16, got 'fp8'"):
        PasstEmbedder(EmbeddingSpec(LIGHT, weights="untrained-0"), precision="fp8")
    with pytest.raises(ValueError, match="has no scene embedding, its only level is mel"):
        PasstEmbedder(EmbeddingSpec(LIGHT, ("mel",), weights="untrained-0"), device="cpu").scene_embedding(
            clip(1, 1)[None]
        )


def test_a_name_takes_its_own_weights_and_shows_itself():
    embedder = PasstEmbedder("passt_demo", device="cpu")
    assert embedder.spec.weights == "demo"
    assert repr(embedder).startswith("PasstEmbedder('passt_demo@logits+features@w160@smax@t50@demo', device='cpu'")
    levels = PasstEmbedder("passt_demo@block2@untrained-0", device="cpu").spec
    assert (levels.levels, levels.weights) == (("block2",), "untrained-0")
    with pytest.raises(ValueError, match="unknown name 'passt_dmo' .did you mean 'passt_demo'"):
        PasstEmbedder("passt_dmo", device="cpu")
