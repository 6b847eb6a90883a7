"""Small inputs that ask for much: refused in one line, before memory is taken and without waiting."""

import gzip
import io
import os
import pickle
import re
import tarfile
import time
import tracemalloc

import numpy as np
import pytest
import soundfile

from downstream.disk import memory
from downstream.kit import labels
from downstream.kit import read as kit
from downstream.kit.labels import read_labels
from downstream.sound import decode
from downstream.sound.decode import read_header
from downstream.tasks import archive
from downstream.tasks.audio import SplitAudio, read_clip, resample
from downstream.tasks.task import Task
from tests.task_archives import member


@pytest.fixture(autouse=True)
def at_once():
    """Every refusal takes less than seconds."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 20


def promising(path, frames: int) -> None:
    """A FLAC file of 8000 frames whose header promises others, up to 2^36 - 1."""
    content = io.BytesIO()
    soundfile.write(content, np.zeros(8000), 8000, format="FLAC")
    data = bytearray(content.getvalue())
    data[21] |= frames >> 32
    data[22:26] = (frames % 2**32).to_bytes(4, "big")
    path.write_bytes(data)


def test_a_header_that_promises_2_to_the_36_frames_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10**10)
    promising(tmp_path / "a.flac", 2**36 - 1)
    with pytest.raises(ValueError, match=r"a.flac: 68719476735 frames of sound would take 687.2 GB of memory"):
        read_clip(tmp_path / "a.flac", 8000)


def test_a_header_that_promises_what_fits_costs_what_is_there(tmp_path):
    promising(tmp_path / "a.flac", 10**8)
    tracemalloc.start()
    with pytest.raises(ValueError, match="a.flac: cut short, 8000 samples where its header promises 100000000"):
        read_clip(tmp_path / "a.flac", 8000)
    assert tracemalloc.get_traced_memory()[1] < 40e6  # and not 400 MB
    tracemalloc.stop()


def test_a_clip_is_the_same_in_pieces(tmp_path, monkeypatch):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (1000, 2))
    for name, options in (("a.wav", {"subtype": "PCM_16"}), ("a.flac", {}), ("a.ogg", {})):
        soundfile.write(tmp_path / name, sound, 8000, **options)
        whole = read_clip(tmp_path / name, 8000)
        with monkeypatch.context() as patch:
            patch.setattr(decode, "SAMPLES_A_BYTE", 0)
            patch.setattr(decode, "BLOCK", 154)
            assert np.array_equal(read_clip(tmp_path / name, 8000), whole)


def test_a_clip_that_outgrows_the_memory_is_refused_as_it_is_read(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", np.zeros(1000), 8000)
    monkeypatch.setattr(decode, "OPEN_FRAMES", 0)  # as of a file that does not say its length
    for name in ("SAMPLES_A_BYTE", "BLOCK"):
        monkeypatch.setattr(decode, name, 500 * (name == "BLOCK"))
    monkeypatch.setattr(memory, "SMALL", 0)
    for module in (decode, memory):
        monkeypatch.setattr(module, "available", lambda: 5000)
    with pytest.raises(ValueError, match="a.wav: more than 1000 frames of sound would take"):
        read_clip(tmp_path / "a.wav", 8000)


def test_sound_that_becomes_too_long_at_another_rate_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10**9)
    with pytest.raises(ValueError, match="20000 samples at a rate of 1 Hz, resampled to 16000 Hz would take 2.6 GB"):
        resample(np.zeros(20000, np.float32), 1, 16000)


def test_a_pipe_is_no_clip(scene_task, tmp_path):
    folder = scene_task()
    clip = folder / "16000/train/train0.wav"
    clip.unlink()
    os.mkfifo(clip)
    message = "train0.wav is listed in train.json but no regular file, but a pipe, device or the like"
    with pytest.raises(FileNotFoundError, match=message):
        SplitAudio.of(Task.from_dir(folder), "train", 16000, tmp_path)
    with pytest.raises(FileNotFoundError, match="train0.wav: no regular file"):
        read_header(clip)


def sparse(path) -> None:
    """A file of 9 TiB that takes no room on the disk."""
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(9 << 40)


def test_a_sparse_clip_is_not_hashed(scene_task, tmp_path):
    folder = scene_task()
    sparse(folder / "16000/train/train0.wav")
    clips = SplitAudio.of(Task.from_dir(folder), "train", 16000, tmp_path)
    with pytest.raises(ValueError, match="train0.wav would take 9895.6 GB of memory"):
        _ = clips.hashes


@pytest.mark.parametrize("name", ["train.json", "task_metadata.json", "labelvocabulary.csv"])
def test_a_sparse_file_of_a_task_is_not_read(scene_task, name):
    folder = scene_task()
    sparse(folder / name)
    with pytest.raises(ValueError, match=f"{name} would take"):
        Task.from_dir(folder)


def doubled(times: int) -> list:
    """A list that holds the same list twice, which holds another one twice, and so on."""
    found: list = ["a"]
    for _ in range(times):
        found = [found, found]
    return found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps([doubled(60)]), r"row 0: expected a list of labels, got \[\[\["),
        (pickle.dumps(doubled(60)), r"row 0: expected a list of labels, got \[\[\["),
        (b"\x80\x02]r\xff\xff\xff\x7f.", "it puts something at place 2.14748e.09, expected at most 9"),
        (b"(lp99999999999999\n.", "it puts something at place 1e.14"),
        (b"\x80\x05\x96" + (10**15).to_bytes(8, "little") + b".", "not a pickled list"),
    ],
)
def test_pickles_that_grow_are_refused(tmp_path, content, message):
    (tmp_path / "labels.pkl").write_bytes(content)
    with pytest.raises(ValueError, match=f"labels.pkl: .*{message}"):
        read_labels(tmp_path / "labels.pkl", ["a"], exactly_one=True)


def test_a_pickle_of_no_end_is_not_read(tmp_path):
    sparse(tmp_path / "labels.pkl")
    with pytest.raises(ValueError, match="labels.pkl would take"):
        labels.read_labels(tmp_path / "labels.pkl", ["a"], exactly_one=True)


@pytest.mark.parametrize("digits", [400, 6000])
@pytest.mark.parametrize("key", ["start", "end"])
def test_events_at_numbers_of_many_digits_are_named(event_task, digits, key):
    folder = event_task()
    text = (folder / "train.json").read_text()
    (folder / "train.json").write_text(re.sub(rf'"{key}": [\d.]+', f'"{key}": {"9" * digits}', text, count=1))
    message = rf"train.json: (train0.wav: .* its {key} must be a number, got|\d+ bytes, not JSON)"
    with pytest.raises(ValueError, match=message) as error:
        Task.from_dir(folder)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("number", ["9" * 400, "9" * 6000, "-1", "NaN", "1e999"])
def test_timestamps_of_many_digits_are_named(tmp_path, number):
    (tmp_path / "x.json").write_text(f'[["a", {number}]]')

    def read():
        (pair,) = kit._read_json(tmp_path / "x.json")
        kit._pair(tmp_path / "x.json", 0, pair)

    with pytest.raises(ValueError, match=r"x.json: (row 0: expected a timestamp|\d+ bytes, not JSON)") as error:
        read()
    assert len(str(error.value)) < 500


def endless(*headers: bytes, count: int) -> bytes:
    return gzip.compress(b"".join(headers) * count)


LONG_NAME = member("x", tarfile.GNUTYPE_LONGNAME, size=512)
SPARSE = tarfile.TarInfo("t/a")
SPARSE.type = tarfile.GNUTYPE_SPARSE
CONTINUED = bytes(504) + b"\x01" + bytes(7)  # a block of a sparse file's map that says that another one follows


def sparse_start() -> bytes:
    """A header of a sparse file whose map goes on in further blocks."""
    block = bytearray(SPARSE.tobuf(tarfile.GNU_FORMAT))
    block[482] = 1
    block[148:156] = b" " * 8
    block[148:155] = b"%06o\0" % sum(block)
    return bytes(block[:512])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda: endless(member("a", tarfile.DIRTYPE).tobuf(), count=3000), "holds more than 2000 files"),
        (lambda: gzip.compress(sparse_start() + CONTINUED * 20000), "headers of more than 4194304 bytes before a file"),
        (
            lambda: endless(member("x", tarfile.GNUTYPE_LONGNAME, size=512).tobuf() + bytes(512), count=5000),
            "is not whole",
        ),
    ],
    ids=["folders", "a sparse map", "long names"],
)
def test_archives_whose_headers_never_end_are_refused(tmp_path, monkeypatch, data, message):
    monkeypatch.setattr(archive, "MAX_FILES", 2000)
    path = tmp_path / "t.tar.gz"
    path.write_bytes(data())
    with pytest.raises(ValueError, match=message):
        archive.contents(path, "t")
