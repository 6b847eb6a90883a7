"""The demonstration weights that come with the packages: whole, as their cards say, small, and trained."""

import json

import pytest
import torch

from ablations.models import registry
from ablations.models.baselines import checkpoints as cnns
from passt import EmbeddingSpec
from passt.catalog import checkpoints
from passt.fetch.download import sha256_of

SHIPPED = {
    name: row.shipped for table in (checkpoints.table(), cnns.table()) for name, row in table.items() if row.shipped
}


def test_what_is_there():
    assert set(SHIPPED) == {"passt_demo", "passt_demo_hop160", "cnn_demo"}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_file_is_what_its_card_says(name):
    card = json.loads(SHIPPED[name].with_suffix(".json").read_text())
    assert card["sha256"] == sha256_of(SHIPPED[name])
    assert card["bytes"] == SHIPPED[name].stat().st_size < 12e6
    assert (card["recipe"]["name"], card["clips"], card["steps"]) == (name, 128_000, 4000)
    assert 0 < card["mAP"] < 1


def test_all_heard_the_same_clips():
    cards = [json.loads(path.with_suffix(".json").read_text()) for path in SHIPPED.values()]
    assert len({(card["data"]["training"], card["data"]["evaluation"]) for card in cards}) == 1
    assert len({(card["labels"], card["clips"]) for card in cards}) == 1


@pytest.mark.parametrize("name", SHIPPED)
def test_the_default_is_the_trained_network(name):
    spec = registry.resolve({"checkpoint": name})
    assert spec.weights == "demo"
    untrained = EmbeddingSpec(checkpoint=name, levels=spec.levels, windows_ms=spec.windows_ms, weights="untrained-0")
    clips = [torch.sin(torch.arange(32000) * step) * 0.3 for step in (0.05, 0.1)]
    found = []
    for each in (spec, untrained):
        (values,) = registry.build(each, device="cpu").scene(clips, each.scene_taps()[:1]).values()
        assert torch.isfinite(values).all()
        assert not torch.equal(*values)
        found.append(values)
    assert not torch.allclose(*found, atol=1e-3)
