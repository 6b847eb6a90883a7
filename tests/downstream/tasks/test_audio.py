import json
import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
import torch

from downstream.disk.arrays import load_arrays
from downstream.notices import warn_once
from downstream.tasks.audio import SplitAudio, read_clip, resample
from downstream.tasks.task import Task
from tests.conftest import tone, write_clip


@pytest.fixture
def folder(scene_task):
    return scene_task()


def train(folder, rate=16000, cache=None):
    return SplitAudio.of(Task.from_dir(folder), "train", rate, cache or folder.parent / "store")


def test_a_clip_at_its_own_rate(folder):
    audio = train(folder)
    clip = audio.load("train0.wav")
    assert clip.dtype == torch.float32
    assert torch.equal(clip, torch.from_numpy(soundfile.read(folder / "16000/train/train0.wav", dtype="float32")[0]))


def test_resampling_keeps_the_tone_and_is_cached(folder):
    audio = train(folder, 32000)
    clip = audio.load("train0.wav")
    assert len(clip) == 2 * 4800
    middle = slice(1000, -1000)
    assert np.abs(clip.numpy() - tone(300, 0.3, 32000))[middle].max() < 1e-3
    cached = list((audio.cache / "audio").iterdir())
    assert len(cached) == 1
    assert torch.equal(audio.load("train0.wav"), clip)
    assert list((audio.cache / "audio").iterdir()) == cached


@pytest.mark.parametrize("frequency", [17000.0, 19500.0, 23000.0])
def test_resampling_removes_what_the_new_rate_cannot_hold(frequency):
    """A tone above the new Nyquist frequency would come back as another one; the quality HQ leaves less than -90 dB."""
    resampled = resample(tone(frequency, 0.5, 48000), 48000, 32000)[1000:-1000]  # its onset is no pure tone
    assert np.abs(resampled).max() < 0.3 * 10 ** (-90 / 20)


def test_resampling_keeps_what_the_new_rate_can_hold():
    kept = resample(tone(14000.0, 0.5, 48000), 48000, 32000)
    np.testing.assert_allclose(kept[1000:-1000], tone(14000.0, 0.5, 32000)[1000:-1000], atol=1e-3)


def test_equal_clips_are_resampled_by_several_threads_at_once(folder):
    sound = tone(300, 1.0)
    for i in range(6):
        write_clip(folder / f"16000/train/train{i}.wav", sound)
    for rate in (22050, 24000, 32000, 44100, 48000):
        audio = train(folder, rate)
        assert audio.hashes  # once, before the threads
        with ThreadPoolExecutor(6) as pool:
            clips = list(pool.map(audio.load, audio.files))
        assert all(torch.equal(clip, clips[0]) for clip in clips)


def test_an_array_that_the_parser_failed_at_is_loaded_again(tmp_path, monkeypatch):
    np.save(tmp_path / "array.npy", np.arange(3))
    load, failures = np.load, [SystemError("AST constructor recursion depth mismatch")] * 3

    def at_times(*args, **options):
        if failures:
            raise failures.pop()
        return load(*args, **options)

    monkeypatch.setattr(np, "load", at_times)
    assert load_arrays(tmp_path / "array.npy").tolist() == [0, 1, 2]
    failures.extend([SystemError("always")] * 100)
    with pytest.raises(SystemError, match="always"):
        load_arrays(tmp_path / "array.npy")


def test_files_may_lie_in_folders_of_their_own(folder):
    (folder / "16000/train/deep").mkdir()
    (folder / "16000/train/train0.wav").rename(folder / "16000/train/deep/first.wav")
    items = json.loads((folder / "train.json").read_text())
    (folder / "train.json").write_text(json.dumps({"deep/first.wav": items.pop("train0.wav"), **items}))
    assert len(train(folder).load("deep/first.wav")) == 4800


def test_the_nearest_rate_from_above_is_taken(folder):
    for rate in (8000, 44100):
        for file in (folder / "16000/train").iterdir():
            write_clip(folder / str(rate) / "train" / file.name, tone(300, 0.3, rate), rate)
    assert train(folder, 16000).source_rate == 16000
    assert train(folder, 32000).source_rate == 44100
    assert train(folder, 48000).source_rate == 44100


def test_the_fingerprint_follows_content_names_and_rate(folder):
    first = train(folder).fingerprint
    assert train(folder).fingerprint == first
    assert train(folder, 32000).fingerprint != first
    write_clip(folder / "16000/train/train0.wav", tone(301, 0.3))
    assert train(folder).fingerprint != first


def test_a_listed_file_that_is_absent(folder):
    (folder / "16000/train/train3.wav").unlink()
    with pytest.raises(FileNotFoundError, match=r"16000/train/train3.wav is listed in train.json but absent"):
        train(folder)


def test_no_audio_at_all(folder):
    (folder / "16000").rename(folder / "sound")
    with pytest.raises(FileNotFoundError, match="no audio; expected a folder named by its rate, such as 48000/"):
        train(folder)


def test_stereo_is_mixed_down_and_said_once(folder, caplog):
    warn_once.cache_clear()
    left, right = tone(300, 0.3), tone(400, 0.3)
    for i in range(2):
        write_clip(folder / f"16000/train/train{i}.wav", np.stack([left, right], axis=1))
    with caplog.at_level(logging.WARNING):
        clips = [train(folder).load(f"train{i}.wav") for i in range(2)]
    assert np.abs(clips[0].numpy() - (left + right) / 2).max() < 1e-4
    assert caplog.text.count("mixed down to mono") == 1


def broken(path, how):
    if how == "empty":
        write_clip(path, np.zeros(0))
    elif how == "no bytes":
        path.write_bytes(b"")
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:-2000])
    elif how == "truncated flac":
        soundfile.write(path, tone(300, 1.0), 16000, format="FLAC")
        path.write_bytes(path.read_bytes()[:-4000])
    elif how == "another rate":
        write_clip(path, tone(300, 0.3, 8000), 8000)
    elif how == "NaN":
        sound = tone(300, 0.3)
        sound[100] = np.nan
        soundfile.write(path, sound, 16000, subtype="FLOAT")
    elif how == "text":
        path.write_text("not audio")


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFF000])
def test_a_clip_that_was_written_to_a_pipe_is_read(folder, size):
    path = folder / "16000/train/train0.wav"
    content = bytearray(path.read_bytes())
    content[40:44] = size.to_bytes(4, "little")
    path.write_bytes(content)
    assert len(read_clip(path, 16000)) == 4800


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("empty", "0 samples, expected at least 1"),
        ("no bytes", "not readable as audio"),
        ("truncated", "cut short, 7644 bytes where its header promises 9644"),
        ("truncated flac", "not readable as audio|cut short"),
        ("another rate", "sampled at 8000 Hz, expected 16000 Hz, as its folder says"),
        ("NaN", "holds NaN or infinite samples"),
        ("text", "not readable as audio"),
    ],
)
def test_broken_clips_are_named(folder, how, message):
    path = folder / "16000/train/train0.wav"
    broken(path, how)
    with pytest.raises(ValueError, match=message) as error:
        read_clip(path, 16000)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
