"""What is kept of clips between runs is taken only if it was written of just that clip, by just these versions."""

import json
import os

import numpy as np
import pytest
import soundfile
import soxr
import torch

from downstream.disk.files import fingerprint
from downstream.tasks import audio as audio_module
from downstream.tasks.audio import SplitAudio
from downstream.tasks.clip_cache import read_clip_file
from downstream.tasks.task import Task
from tests.conftest import tone, write_clip
from tests.downstream.stores import flip


@pytest.fixture
def opened(scene_task, tmp_path):
    folder = scene_task()

    def split(name: str = "train", rate: int = 32000) -> SplitAudio:
        return SplitAudio.of(Task.from_dir(folder), name, rate, tmp_path / "store")

    return split


def clips(audio: SplitAudio) -> list[torch.Tensor]:
    return [audio.load(file) for file in audio.files]


def equal(some, others) -> bool:
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


def kept(audio: SplitAudio, folder: str) -> list:
    return sorted((audio.cache / folder).iterdir())


def changed(path):
    clip = np.load(path)
    clip[::3] *= -1
    np.save(path, clip)


@pytest.mark.parametrize("damage", [changed, lambda path: flip(path, 500), lambda path: path.write_bytes(b"")])
def test_a_damaged_clip_is_resampled_again(opened, caplog, damage):
    good, path = clips(opened()), kept(opened(), "audio")[0]
    damage(path)
    assert equal(clips(opened()), good)
    assert f"{path}: not what was written here; resampled again" in caplog.text
    read_clip_file(path)


def test_clips_that_were_exchanged_are_resampled_again(opened):
    good, (one, other, *_) = clips(opened()), kept(opened(), "audio")
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    assert equal(clips(opened()), good)


@pytest.mark.parametrize(
    ("module", "version"),
    [(soxr, "__version__"), (soxr, "__libsoxr_version__"), (soundfile, "__libsndfile_version__")],
)
def test_other_versions_share_nothing(opened, monkeypatch, module, version):
    audio = opened()
    clips(audio)
    before, count = (audio.key, audio.fingerprint), len(kept(audio, "audio"))
    monkeypatch.setattr(module, version, "0.0")
    assert audio.key != before[0]
    assert audio.fingerprint == before[1], "jobs keep their names"
    clips(audio)
    assert len(kept(audio, "audio")) == 2 * count


def test_another_rule_of_mixing_down_shares_nothing(opened, monkeypatch):
    audio = opened(rate=16000)
    before = audio.key
    monkeypatch.setattr(audio_module, "MIX_DOWN", "the first channel")
    assert audio.key != before


def test_clips_of_an_earlier_version_are_not_used(opened, caplog):
    audio = opened()
    for file in audio.files:
        path = audio.cache / "audio" / f"{audio.hashes[file][:32]}-32000-soxr-HQ.npy"
        path.parent.mkdir(exist_ok=True)
        np.save(path, np.zeros(10, np.float32))
    assert all(len(clip) > 10 for clip in clips(audio))
    assert caplog.text.count("clips that an earlier version resampled are resampled again") == 1


@pytest.mark.parametrize(
    "content", ['{"train0.wav": 7, "train1.wav": [1]}', "[]", "{", '{"files": {"train0.wav": [1, 2, 3, 4, "abc"]}}']
)
def test_damaged_hashes_are_made_anew(opened, content):
    good = opened().hashes
    for path in kept(opened(), "hashes"):
        path.write_text(content)
    assert opened().hashes == good


def test_hashes_of_two_splits_that_were_exchanged_are_made_anew(opened, caplog):
    good = [opened(name).hashes for name in ("train", "test")]
    one, other = kept(opened(), "hashes")
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    assert [opened(name).hashes for name in ("train", "test")] == good
    assert "its clips are hashed again" in caplog.text


def test_hashes_of_an_earlier_version_are_made_anew(opened, caplog):
    audio = opened()
    path = audio.cache / "hashes" / f"{fingerprint(str(audio.folder.resolve()))}.json"
    path.parent.mkdir(parents=True)
    stat = (audio.folder / "train0.wav").stat()
    path.write_text(json.dumps({"train0.wav": [stat.st_size, stat.st_mtime_ns, "0" * 64]}))
    assert audio.hashes["train0.wav"] != "0" * 64
    assert "made by an earlier version: clips are hashed again" in caplog.text


def test_a_change_that_keeps_size_and_time_is_seen(opened):
    audio = opened()
    good, before = audio.hashes, audio.key
    path = audio.folder / "train0.wav"
    stat = path.stat()
    write_clip(path, tone(301, 0.3))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert opened().hashes["train0.wav"] != good["train0.wav"]
    assert opened().key != before


@pytest.mark.parametrize("rate", [16000, 32000])
def test_a_clip_that_is_changed_during_a_run_is_named(opened, rate):
    audio = opened(rate=rate)
    assert audio.hashes
    write_clip(audio.folder / "train0.wav", tone(301, 0.3))
    with pytest.raises(ValueError, match=r"train0.wav: was changed while it was used; run the same command again"):
        audio.load("train0.wav")
