import math

import numpy as np
import pytest
import torch

from ablations.models import cost, registry
from ablations.models.baselines import melproj
from tests.reference_values import clip


def built(text):
    return registry.build(registry.resolve(text), device="cpu")


def test_log_mel_statistics():
    embedder = built("logmel")
    audio = clip(1.0, 1)
    mel = embedder.mel(audio)
    taps = [("mean", None), ("std", None)]
    found = embedder.scene([audio, clip(0.5, 2)], taps)
    assert torch.allclose(found["mean", None][0], mel.mean(1), atol=1e-6)
    assert torch.allclose(found["std", None][0], mel.std(1, correction=0), atol=1e-6)
    ((values, times),) = embedder.timestamps([audio], [("mean", 160)], hop_ms=50)
    assert values["mean", 160].shape == (21, 128)
    assert len(times) == 21


def test_a_projection_is_the_mean_of_its_frames_projections():
    embedder = built("melproj")
    audio = clip(1.0, 1)
    tap = ("projection", None)
    frames = embedder.mel(audio).T.double() @ embedder.matrix.double()
    found = embedder.scene([audio, clip(0.5, 2)], [tap])[tap]
    assert found.shape == (2, embedder.dims["projection"]) == (2, 4096)
    assert (found[0] - frames.mean(0)).abs().max() <= 1e-6 * frames.abs().max()


def test_projections_of_windows_are_those_of_their_log_mel_means():
    audio = clip(0.5, 1)
    ((means, _),) = built("logmel").timestamps([audio], [("mean", 160)], 50)
    embedder = built("melproj")
    ((found, times),) = embedder.timestamps([audio], [("projection", 160)], 50)
    assert times.tolist() == [50.0 * step for step in range(11)]
    assert torch.allclose(found["projection", 160], means["mean", 160] @ embedder.matrix, atol=1e-5)


def test_a_matrix_is_its_seeds():
    matrix = melproj.projection(3)
    assert torch.equal(matrix, melproj.projection(3))
    assert not torch.equal(matrix, melproj.projection(4))
    assert (matrix.min() >= 0, matrix.max() < 1 / math.sqrt(128)) == (True, True)
    assert abs(float(matrix.mean()) * math.sqrt(128) - 0.5) < 5 * math.sqrt(1 / 12 / matrix.numel())
    assert np.linalg.matrix_rank(matrix.numpy()) == 128  # nothing of the bands is lost


def test_seeds_are_models_of_their_own_and_always_named():
    assert str(registry.resolve("melproj")) == "melproj@projection@w160@smax@t50@untrained-0"
    first, again, other = built("melproj"), built("melproj@untrained-0"), built("melproj@untrained-1")
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert first.name == "melproj@untrained-0"
    with pytest.raises(ValueError, match="weights must be untrained-SEED, got 'published'"):
        registry.resolve("melproj@published")


@pytest.mark.parametrize("text", ["logmel@mean@w20000", "melproj@w20000"])
def test_long_windows_share_no_more_memory_than_short_ones(text):
    embedder, passed = built(text), []
    embedder.mel.register_forward_hook(lambda module, inputs, output: passed.append(inputs[0].numel()))
    ((values, _),) = embedder.timestamps([clip(0.2, 1)], registry.resolve(text).timestamp_taps(), 50)
    assert passed == [2 * 20 * 32000, 2 * 20 * 32000, 20 * 32000]
    assert all(len(rows) == 5 for rows in values.values())


@pytest.mark.parametrize("samples", [1, 100])
def test_very_short_clips(samples):
    embedder = built("melproj")
    assert torch.isfinite(embedder.scene([torch.ones(samples)], [("projection", None)])["projection", None]).all()
    ((values, times),) = embedder.timestamps([torch.ones(samples)], [("projection", 160)], 50)
    assert values["projection", 160].shape == (len(times), 4096) == (1, 4096)


@pytest.mark.parametrize("name", ["logmel", "melproj"])
def test_nothing_is_trained_and_what_it_computes_is_not_counted(name):
    assert cost.parameters(name) == 0
    assert math.isnan(cost.macs(registry.resolve(name), event=False))
    assert cost.unknown(name).endswith("its front end is not counted")


def test_chance_is_the_same_for_every_sound():
    embedder = built("chance")
    audio = [torch.zeros(32000), clip(1.0, 1), clip(0.5, 2)]
    assert torch.equal(embedder.scene(audio, [("constant", None)])["constant", None], torch.ones(3, 1))
    for values, times in embedder.timestamps(audio, [("constant", 160)], hop_ms=50):
        assert torch.equal(values["constant", 160], torch.ones(len(times), 1))
