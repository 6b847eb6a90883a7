"""Faults of a store are found and named, and only faulty parts are moved away."""

import errno
import json

import numpy as np
import pytest

from downstream import files, sums
from downstream.locks import held, in_use
from downstream.store_check import faults, move_away
from tests.downstream.stores import ROWS, A, B, flip, made, values


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"more")


def garbage(path):
    path.write_bytes(b"not what it was")


def shorter(path):
    np.save(path, values(A)[:4])


BROKEN = [
    ("features@160.npy", cut, False, "features@160.npy: not readable", 2),
    ("features@160.npy", garbage, False, "features@160.npy: not readable", 2),
    ("features@160.npy", lambda path: path.write_bytes(b""), False, "features@160.npy: not readable", 2),
    ("features@160.npy", lengthen, False, "features@160.npy: 216 bytes, expected 212", 2),
    (
        "features@160.npy",
        lambda path: np.save(path, values(A)[:4]),
        False,
        "expected 7 rows of float32, got float32",
        2,
    ),
    ("features@160.npy", lambda path: flip(path, 170), True, "its rows 3 to 6 are not those that were written", 2),
    ("features@160.json", garbage, False, "features@160.json: not the sums of a tap", 2),
    ("index.npz", garbage, False, "index.npz: not readable", 5),
    ("index.npz", cut, False, "index.npz: not readable", 5),
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
    assert sum(path.is_file() for path in (tmp_path / "faulty").rglob("*")) == there
    if parts == 2:  # the other tap is as it was
        assert np.array_equal(folder.read(B, ROWS), values(B))
        assert folder.missing([A, B]) == [A]


def test_values_that_are_not_finite_are_found_without_sums(tmp_path):
    folder = made(tmp_path)
    (folder.path / "features@160.json").unlink()  # as of an earlier version
    array = np.load(folder.file(A), mmap_mode="r+")
    array[5, 1] = np.nan
    array.flush()
    (fault,) = faults(tmp_path, full=True)
    assert "features@160.npy: its row 5 holds NaN or infinity" in fault.text


def test_a_changed_tap_is_not_used(tmp_path):
    """A run reads with the number of rows, which verifies; a file that is as it was is read once for that."""
    folder = made(tmp_path)
    assert np.array_equal(folder.read(A, ROWS), values(A))
    flip(folder.file(A), 140)
    with pytest.raises(ValueError, match=r"features@160.npy: its rows 0 to 2 are not those that were written"):
        folder.read(A, ROWS)


@pytest.mark.parametrize(
    ("name", "break_it", "full", "message"),
    [
        ("plan.json", garbage, False, "plan.json: not the plan of an extraction"),
        ("journal.jsonl", lambda path: path.write_text("{\n"), False, "journal.jsonl: not the journal"),
        ("features@160.npy", lambda path: path.write_bytes(b"x" * 130), False, "130 bytes, expected at least 164"),
        ("features@160.npy", lambda path: path.unlink(), False, "absent, expected at least 164 bytes"),
        ("features@160.npy", lambda path: flip(path, 150), True, "its rows 0 to 2 are not those written"),
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
    assert folder.unfinished() == []


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
    for name in ("audio", "hashes"):
        (tmp_path / name).mkdir()
    np.save(tmp_path / "audio/good.npy", np.zeros(100, np.float32))
    np.save(tmp_path / "audio/bad.npy", np.zeros(100, np.float32))
    cut(tmp_path / "audio/bad.npy")
    (tmp_path / "hashes/good.json").write_text("{}")
    (tmp_path / "hashes/bad.json").write_text("{")
    found = list(faults(tmp_path))
    assert [fault.parts[0].name for fault in found] == ["bad.json", "bad.npy"]


def test_an_earlier_versions_journal_has_no_sums(tmp_path):
    folder = made(tmp_path, stop=True)
    (partial,) = folder.path.glob(".partial-*")
    lengths, times, _ = json.loads((partial / "journal.jsonl").read_text())
    (partial / "journal.jsonl").write_text(json.dumps([lengths, times]) + "\n")
    (again,) = folder.unfinished()
    with again:
        again.append({tap: values(tap)[3:] for tap in (A, B)}, [4], np.arange(4) * 50.0)
        again.finish()
    assert sums.Sums.read(folder.file(A)).blocks == ()
    assert np.array_equal(folder.read(A, ROWS), values(A))


def test_errors_of_writing_name_the_file(tmp_path):
    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"No space left on device: '.*kept.npz'"):
        files.write_atomically(tmp_path / "kept.npz", full)
    assert list(tmp_path.iterdir()) == []
