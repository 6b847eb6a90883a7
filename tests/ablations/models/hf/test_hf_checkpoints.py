"""The table of well-known encoders against the library's own configurations, whose defaults have their sizes."""

from pathlib import Path

import pytest
import torch

from ablations.models.hf.checkpoints import table

DOCS = Path(__file__).parents[4] / "docs"
BY_DEFAULT = {
    "facebook/wav2vec2-base": ("Wav2Vec2Config", "Wav2Vec2Model"),
    "facebook/hubert-base-ls960": ("HubertConfig", "HubertModel"),
    "microsoft/wavlm-base-plus": ("WavLMConfig", "WavLMModel"),
    "facebook/data2vec-audio-base": ("Data2VecAudioConfig", "Data2VecAudioModel"),
    "facebook/w2v-bert-2.0": ("Wav2Vec2BertConfig", "Wav2Vec2BertModel"),
    "laion/clap-htsat-unfused": ("ClapAudioConfig", "ClapAudioModel"),
}


@pytest.mark.parametrize("name", BY_DEFAULT)
def test_parameters_and_blocks(name):
    import transformers

    configuration, network = (getattr(transformers, part) for part in BY_DEFAULT[name])
    config, row = configuration(), table()[name]
    with torch.device("meta"):
        count = sum(tensor.numel() for tensor in network(config).parameters())
    assert count == row.parameters
    assert row.blocks == len(getattr(config, "depths", [])) or row.blocks == config.num_hidden_layers


def test_the_page_has_the_table():
    rows = set((DOCS / "transformers.md").read_text().splitlines())
    for row in table().values():
        frames = "" if row.frame_ms is None else f"{row.frame_ms:g}"
        count = "" if row.parameters is None else f"{row.parameters:,}"
        cells = (f"`{row.name}`", str(row.sample_rate), frames, str(row.blocks), count, f"`{row.license}`")
        assert f"| {' | '.join(cells)} |" in rows


def test_every_row_names_a_repository_and_its_source():
    assert len(table()) >= 15
    for row in table().values():
        assert row.name.count("/") == 1
        assert row.source
        assert row.license
        assert row.sample_rate in (16000, 48000)
