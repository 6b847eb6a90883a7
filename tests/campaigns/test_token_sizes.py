"""The committed sizes of tokens in the store."""

import json
from pathlib import Path

import pytest

from ablations.models import registry
from tests.campaigns.token_sizes import WINDOWS_MS, measure, sizes

COMMITTED = Path(__file__).parents[2] / "results/benchmarks/token_sizes.json"


def test_the_committed_sizes_are_todays():
    assert json.loads(COMMITTED.read_text())["rows"] == json.loads(json.dumps(measure().rows))


@pytest.mark.parametrize("model", ["passt_demo", "cnn14"])
def test_embedders_count_the_same(model):
    embedder = registry.build(registry.resolve(f"{model}@untrained-0"), device="cpu")
    for window_ms in WINDOWS_MS[1:]:
        for ((rows, columns), width), levels in sizes(model, window_ms).items():
            for level in levels:
                assert (embedder.tokens((level, window_ms)), embedder.dims[level]) == (rows * columns, width)
