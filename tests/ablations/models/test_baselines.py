import pytest
import torch

from ablations.models import registry


@pytest.mark.parametrize("name", ["crepe_tiny", "logmel"])
def test_fingerprints_are_of_the_model(name):
    first, again = (registry.build(registry.resolve(name), device="cpu") for _ in range(2))
    assert first.fingerprint == again.fingerprint
    other = registry.build(registry.resolve({"crepe_tiny": "crepe_full", "logmel": "crepe_tiny"}[name]), device="cpu")
    assert first.fingerprint != other.fingerprint


@pytest.mark.parametrize("name", ["crepe_tiny", "logmel"])
@pytest.mark.parametrize("samples", [1, 100])
def test_very_short_clips(name, samples):
    embedder = registry.build(registry.resolve(name), device="cpu")
    level, window = next(iter(embedder.dims)), 160 if name == "logmel" else None
    assert torch.isfinite(embedder.scene([torch.ones(samples)], [(level, None)])[level, None]).all()
    ((values, times),) = embedder.timestamps([torch.ones(samples)], [(level, window)], 50)
    assert len(values[level, window]) == len(times) == 1
