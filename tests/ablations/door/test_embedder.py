"""Embeddings in memory, of files and of arrays."""

import numpy as np
import pytest
import soundfile
import torch

import ablations as ab
from passt import PasstEmbedder
from tests.conftest import tone, write_clip


def test_an_embedder_gives_what_the_model_gives():
    audio = torch.rand(2, 16000) - 0.5
    embedder, model = ab.embedder("passt_demo@block2@w320", device="cpu"), PasstEmbedder("passt_demo@block2@w320")
    assert embedder.sample_rate == 32000
    assert torch.equal(embedder.scene_embedding(audio), model.scene_embedding(audio))
    values, times = embedder.timestamp_embedding(audio)
    expected, expected_times = model.timestamp_embedding(audio)
    assert torch.equal(values, expected)
    assert torch.equal(times, expected_times)
    assert repr(embedder) == "<embedder passt_demo@block2@w320@smax@t50@demo, 32000 Hz>"
    assert torch.equal(torch.from_numpy(ab.embed(audio, embedder, sample_rate=32000)), model.scene_embedding(audio))


def test_a_name_of_the_paper_is_a_spec():
    embedder = ab.embedder("paper-best@untrained-0", device="cpu")
    assert embedder.spec.levels
    assert embedder.fingerprint == embedder.model.fingerprint


def test_files_folders_and_arrays_are_embedded(tmp_path, monkeypatch):
    for i in range(3):
        write_clip(tmp_path / "sounds" / f"{i}.wav", tone(300 + 100 * i, 0.2 + 0.1 * i))
    of_files = ab.embed(tmp_path / "sounds", "logmel")
    assert of_files.shape == (3, 256)
    assert np.array_equal(ab.embed([tmp_path / "sounds" / f"{i}.wav" for i in range(3)], "logmel"), of_files)
    monkeypatch.setattr("ablations.door.embedder.SECONDS_AT_ONCE", 0.3)
    assert np.allclose(ab.embed(tmp_path / "sounds", "logmel"), of_files, atol=1e-5)
    timed = ab.embed(str(tmp_path / "sounds" / "0.wav"), "logmel", timestamps=True)
    ((values, times),) = timed
    assert len(values) == len(times) == 5
    clips = [soundfile.read(tmp_path / "sounds" / f"{i}.wav", dtype="float32")[0] for i in range(3)]
    assert np.allclose(ab.embed(clips, "logmel", sample_rate=16000), of_files, atol=1e-5)
    assert ab.embed(clips[0], "logmel", sample_rate=16000).shape == (1, 256)


def test_a_function_embeds_too():
    mine = ab.model(lambda audio: audio.abs().mean(1, keepdim=True), sample_rate=8000)
    assert ab.embed(np.full((2, 800), 0.5, np.float32), mine, sample_rate=8000).tolist() == [[0.5], [0.5]]
    with pytest.raises(ValueError, match="has no timestamp embeddings"):
        ab.embed(np.zeros((2, 800), np.float32), mine, sample_rate=8000, timestamps=True)


@pytest.mark.parametrize(
    ("sounds", "options", "fault"),
    [
        (np.zeros(800, np.float32), {}, "sample_rate: arrays need their rate in Hz"),
        (np.zeros(800, np.float32), {"sample_rate": 0}, "sample_rate must be a positive whole number"),
        (np.zeros((1, 2, 3), np.float32), {"sample_rate": 8000}, r"audio must be \(clips, samples\)"),
        ("nowhere.wav", {}, "nowhere.wav"),
        ("nowhere.wav", {"sample_rate": 8000}, "sample_rate is of arrays"),
        ([], {}, "expected at least one audio file or folder, got none"),
    ],
)
def test_bad_sounds_are_refused_in_one_line(sounds, options, fault):
    with pytest.raises((ValueError, OSError), match=fault) as raised:
        ab.embed(sounds, "logmel", **options)
    assert "\n" not in str(raised.value)


def test_a_mapping_is_no_embedder():
    with pytest.raises(ValueError, match="an embedder is of one model"):
        ab.embedder({"checkpoint": "logmel"})


def test_a_pooling_is_no_part_of_an_embedder():
    with pytest.raises(ValueError, match="pooling 'weighted' is a part of probes; expected a spec without it"):
        ab.embedder("passt_demo@block1+block2@weighted")
