"""The bytes that batches on a GPU are sized by are no fewer than a batch takes."""

import pytest
import torch

from ablations.models import registry
from ablations.models.baselines import cnn_net
from passt.windows import batches

UNITS = {
    "passt_demo@logits": (32000, 26),
    "logmel": (32000, 32000),
    "cnn14@logits@untrained-0": (32000, 101),
    "crepe_full@logits": (16000, 5),
    "crepe_tiny@logits": (16000, 5),
}
"""A model, the samples of a clip, and what a clip costs in the units of the model's budget, at most."""


@pytest.mark.parametrize("text", UNITS)
def test_a_batch_takes_no_more_than_its_bytes(text, pretended_cuda, monkeypatch):
    monkeypatch.setattr(batches, "MOST_BYTES", 50e6)
    spec = registry.resolve(text)
    embedder = registry.build(spec, device="cuda")
    samples, cost = UNITS[text]
    clips = list(torch.randn(max(2, embedder._budget.size // cost), samples))
    embedder.scene(clips[:1], spec.scene_taps())
    if text.startswith("cnn14"):  # whose early blocks have a bound of their own
        assert embedder._ready.frames_in_cache == int(batches.MOST_BYTES) // cnn_net.EARLY_BYTES
    before = pretended_cuda.allocated
    pretended_cuda.reset_peak()
    embedder.scene(clips, spec.scene_taps())
    audio = sum(clip.nbytes for clip in clips)
    assert pretended_cuda.peak - before <= batches.MOST_BYTES + 3 * audio
    assert pretended_cuda.peak - before >= 0.1 * batches.MOST_BYTES  # so that the bound means something
