"""The cost of encoders, from runs on shapes alone."""

import pytest

from ablations.models import cost, registry


def macs(name, event):
    return cost.macs(registry.resolve(name), event)


@pytest.fixture
def ast(folder_of):
    return f"hf:{folder_of('ast')}"


def test_products_of_a_transformer(ast):
    width, between, tokens, layers, patch = 32, 48, 1214, 2, 16
    blocks = layers * (tokens * (4 * width**2 + 2 * width * between) + 2 * tokens**2 * width)
    patches = (tokens - 2) * patch**2 * width
    head = 7 * width
    assert macs(ast, event=False) == blocks + patches + head


def test_a_window_costs_a_pass_and_a_whole_clip_one(ast, folder_of):
    assert macs(f"{ast}@block1@w160", event=True) == 201 * macs(ast, event=False)
    assert macs(f"{ast}@block1@wown", event=True) == macs(ast, event=False)
    wav2vec2 = f"hf:{folder_of('wav2vec2')}"
    assert macs(f"{wav2vec2}@block1", event=True) == macs(wav2vec2, event=False)
    assert 0 < macs(f"{wav2vec2}@block1@w160", event=True) < 201 * macs(wav2vec2, event=False)
