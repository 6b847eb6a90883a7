"""Faults of a store are found and named, and only faulty parts are moved away."""

import errno
import os
import shutil

import numpy as np
import pytest

from downstream.disk import files
from downstream.disk.locks import held, in_use
from downstream.disk.sums import write_sealed
from downstream.store.check import faults, move_away
from downstream.store.unfinished import unfinished
from downstream.tasks.clip_cache import keep_clip
from tests.downstream.stores import A, B, flip, made, values


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"more")


def garbage(path):
    path.write_bytes(b"not what it was")


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def folder_there(path):
    path.unlink()
    path.mkdir()


def shorter(path):
    np.save(path, values(A)[:4])


BROKEN = [
    ("features@160.npy", cut, False, "features@160.npy: not readable", 2),
    ("features@160.npy", garbage, False, "features@160.npy: not readable", 2),
    ("features@160.npy", lambda path: path.write_bytes(b""), False, "features@160.npy: not readable", 2),
    ("features@160.npy", lengthen, False, "features@160.npy: 216 bytes, expected 212", 2),
    ("features@160.npy", shorter, False, r"float32 (4, 3), expected float32 (7, 3)", 2),
    ("features@160.npy", lambda path: flip(path, 170), True, "features@160.npy: its rows are not what was written", 2),
    ("features@160.json", garbage, False, "features@160.json: not what was written here", 2),
    ("features@160.json", lambda path: path.unlink(), False, "features@160.npy: has no record of what", 2),
    ("features@160.json", lambda path: path.write_text("[[]]"), False, "features@160.json: not what was written", 2),
    ("index.npz", garbage, False, "index.npz: not what was written here", 5),
    ("index.npz", cut, False, "index.npz: not what was written here", 5),
    ("index.npz", lambda path: flip(path, 500), False, "index.npz: not what was written here", 5),
    ("features@160.json", pipe, False, "features@160.json: not what was written here", 2),
    ("features@160.json", folder_there, False, "features@160.json: not what was written here", 2),
    ("features@160.json", lambda path: path.write_text("[" * 9999), False, "features@160.json: not what was", 2),
    ("index.npz", pipe, False, "index.npz: not what was written here", 5),
    ("index.npz", folder_there, False, "index.npz: not what was written here", 5),
    ("index.npz", lambda path: path.unlink(), False, "2 taps without index.npz", 5),
]


@pytest.mark.parametrize(("name", "break_it", "full", "message", "parts"), BROKEN)
def test_a_fault_is_named_and_its_parts_are_moved_away(tmp_path, name, break_it, full, message, parts):
    folder = made(tmp_path)
    assert list(faults(tmp_path, full=True)) == []
    break_it(folder.path / name)
    if full:
        assert list(faults(tmp_path)) == []  # no header tells it
    (fault,) = faults(tmp_path, full=full)
    assert message in fault.text
    assert str(folder.path) in fault.text
    assert "`ablate store check --full --fix`" in fault.text
    assert len(fault.text.splitlines()) == 1
    assert len(fault.parts) == parts
    there = sum(part.exists() for part in fault.parts)
    assert move_away(fault, tmp_path, tmp_path / "faulty")
    assert list(faults(tmp_path, full=True)) == []
    moved = {path.name for path in (tmp_path / "faulty").rglob("*")}
    assert sum(part.name in moved for part in fault.parts) == there
    if parts == 2:  # the other tap is as it was
        assert np.array_equal(folder.read(B), values(B))
        assert folder.missing([A, B]) == [A]


def exchange(one, other):
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


@pytest.mark.parametrize("names", [("features@160.npy", "features@160.json"), ("index.npz",)])
def test_files_of_two_folders_that_were_exchanged(tmp_path, names):
    """Each pair is whole by itself; only the place tells."""
    folder, other = made(tmp_path), made(tmp_path, embedder="c" * 16)
    for name in names:
        exchange(folder.path / name, other.path / name)
    assert len(list(faults(tmp_path))) == 2
    assert A in folder.missing([A, B])


def test_files_of_two_taps_that_were_exchanged(tmp_path):
    folder = made(tmp_path, taps=(A, ("other", 160)))
    for suffix in ("npy", "json"):
        exchange(folder.path / f"features@160.{suffix}", folder.path / f"other@160.{suffix}")
    assert len(list(faults(tmp_path))) == 2


def test_a_changed_tap_is_not_used(tmp_path, caplog):
    """A run reads and verifies; a file that is as it was is read once for that."""
    folder = made(tmp_path)
    assert np.array_equal(folder.read(A), values(A))
    flip(folder.file(A), 140)
    with pytest.raises(ValueError, match=r"features@160.npy: its rows are not what was written here; `ablate store"):
        folder.read(A)
    assert folder.missing([A, B]) == []  # no header tells it
    assert folder.missing([A, B], full=True) == [A]
    assert "features@160.npy: its rows are not what was written here; it is made anew" in caplog.text


def test_time_and_size_that_were_set_back_do_not_hide_a_change(tmp_path):
    folder = made(tmp_path)
    assert folder.missing([A], full=True) == []
    before = folder.file(A).stat()
    flip(folder.file(A), 140)
    os.utime(folder.file(A), ns=(before.st_atime_ns, before.st_mtime_ns))
    assert folder.missing([A], full=True) == [A]


@pytest.mark.parametrize(
    ("name", "break_it", "full", "message"),
    [
        ("plan.json", garbage, False, "plan.json: not what was written here"),
        ("journal.jsonl", lambda path: path.write_text("{\n"), False, "journal.jsonl: its line 1 is not what was"),
        ("features@160.npy", lambda path: path.write_bytes(b"x" * 130), False, "130 bytes, expected at least 164"),
        ("features@160.npy", lambda path: path.unlink(), False, "0 bytes, expected at least 164"),
        ("features@160.npy", lambda path: flip(path, 150), True, "features@160.npy: not what was written here"),
    ],
)
def test_a_faulty_unfinished_extraction_is_moved_away(tmp_path, name, break_it, full, message):
    folder = made(tmp_path, stop=True)
    (partial,) = folder.path.glob(".partial-*")
    assert list(faults(tmp_path, full=True)) == []
    break_it(partial / name)
    with held(folder.path / ".lock"):
        assert list(faults(tmp_path, full=True)) == []  # being written: nothing can be said
    (fault,) = faults(tmp_path, full=full)
    assert message in fault.text
    assert move_away(fault, tmp_path, tmp_path / "faulty")
    assert unfinished(folder) == []


def test_what_a_process_holds_is_not_moved(tmp_path):
    folder = made(tmp_path)
    cut(folder.file(A))
    (fault,) = faults(tmp_path)
    with in_use([folder.path]):
        assert not move_away(fault, tmp_path, tmp_path / "faulty")
    with folder.locked():
        assert not move_away(fault, tmp_path, tmp_path / "faulty")
    assert folder.file(A).is_file()
    assert move_away(fault, tmp_path, tmp_path / "faulty")


def test_caches_beside_the_taps(tmp_path):
    made(tmp_path)
    for name in ("good", "bad", "exchanged", "pipe"):
        keep_clip(tmp_path / f"audio/{name}.npy", np.ones(100, np.float32))
        write_sealed(tmp_path / f"hashes/{name}.json", {"files": {}}, f"hashes/{name}.json")
    flip(tmp_path / "audio/bad.npy", 200)
    shutil.copy(tmp_path / "audio/good.npy", tmp_path / "audio/exchanged.npy")
    (tmp_path / "hashes/bad.json").write_text("[" * 9999)
    for name in ("audio/pipe.npy", "hashes/pipe.json"):
        pipe(tmp_path / name)
    shutil.copy(tmp_path / "hashes/good.json", tmp_path / "hashes/exchanged.json")
    found = list(faults(tmp_path, full=True))
    assert [fault.parts[0].name for fault in found] == [
        *("bad.json", "exchanged.json", "pipe.json", "bad.npy", "exchanged.npy", "pipe.npy"),
    ]


def earlier(root):
    """A store as earlier versions left it: no sums bound to places."""
    folder = made(root)
    for tap in (A, B):
        folder.file(tap).with_suffix(".json").write_text('{"dim": 3, "blocks": [[7, "0123"]], "about": {}}')
    np.savez(folder.path / "index.npz", files=["x.wav"], offsets=[0, 7], timestamps=[])
    for name in ("audio", "hashes"):
        (root / name).mkdir()
    np.save(root / f"audio/{'0' * 32}-32000-soxr-HQ.npy", np.zeros(10, np.float32))
    (root / "hashes" / "0.json").write_text('{"x.wav": [1, 2, "abc"]}')
    return folder


def test_what_an_earlier_version_made_is_no_fault_but_not_used(tmp_path, caplog):
    folder = earlier(tmp_path)
    assert list(faults(tmp_path, full=True)) == []
    assert "3 files and folders were made by an earlier version and are not used any more" in caplog.text
    assert folder.missing([A, B]) == [A, B]


def test_faults_behind_a_link_out_of_the_store_stay(tmp_path):
    folder = made(tmp_path / "outside")
    cut(folder.file(A))
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / ("a" * 16)).symlink_to(tmp_path / "outside" / ("a" * 16))
    (fault,) = faults(tmp_path / "store")
    assert not move_away(fault, tmp_path / "store", tmp_path / "store/faulty")
    assert folder.file(A).is_file()


def test_errors_of_writing_name_the_file(tmp_path):
    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: '.*kept.npz'"):
        files.write_atomically(tmp_path / "kept.npz", full)
    assert list(tmp_path.iterdir()) == []
