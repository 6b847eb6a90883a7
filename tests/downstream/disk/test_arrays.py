"""Arrays whose headers lie, and archives of arrays that would not fit the memory."""

import re
import zipfile

import numpy as np
import pytest

from downstream.disk import memory
from downstream.disk.arrays import load_arrays
from downstream.disk.files import read_whole


def header(shape, dtype="<f4") -> bytes:
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize("mode", [None, "r"])
@pytest.mark.parametrize(
    ("shape", "expected"),
    [((3, 4), 176), ((3, 6), 200), ((2, 5), 168), ((10**12, 10), 40 * 10**12 + 128), ((2**40, 2**40), "far more")],
)
def test_a_header_that_says_another_size_is_refused(tmp_path, shape, expected, mode):
    path = tmp_path / "a.npy"
    path.write_bytes(header(shape) + np.zeros((3, 5), np.float32).tobytes())
    with pytest.raises(ValueError, match=re.escape(f"{path}: 188 bytes, expected {expected} for float32 ")):
        load_arrays(path, mmap_mode=mode)


def test_what_is_true_is_read(tmp_path):
    for array in (np.zeros((3, 5), np.float32), np.zeros(0), np.array(["a", "bc"]), np.float64(1)):
        np.save(tmp_path / "a.npy", array)
        assert np.array_equal(load_arrays(tmp_path / "a.npy"), array)
        np.savez_compressed(tmp_path / "a.npz", one=array, two=array)
        with load_arrays(tmp_path / "a.npz") as found:
            assert np.array_equal(found["two"], array)


def test_a_sparse_file_is_refused_where_it_would_be_read_whole(tmp_path, monkeypatch):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        file.write(header((10**9,)))
        file.truncate(128 + 4 * 10**9)
    monkeypatch.setattr(memory, "available", lambda: 10**9)
    assert load_arrays(path, mmap_mode="r").shape == (10**9,)
    with pytest.raises(ValueError, match="would take 4.0 GB of memory, 1.0 GB are free"):
        load_arrays(path)
    with pytest.raises(ValueError, match="would take 40.0 GB of memory"):
        read_whole(path)


@pytest.mark.parametrize("what", ["zeros", "claims"])
def test_an_archive_of_arrays_that_would_not_fit_is_refused(tmp_path, monkeypatch, what):
    path = tmp_path / "a.npz"
    if what == "zeros":
        np.savez_compressed(path, a=np.zeros(10**6))
        monkeypatch.setattr(memory, "available", lambda: 10**6)
        monkeypatch.setattr(memory, "SMALL", 0)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.npy", header((2**40,)) + bytes(40))
    message = {"zeros": "would take 0.0 GB of memory", "claims": "a.npy: 168 bytes, expected 4398046511232 for float32"}
    with pytest.raises(ValueError, match=message[what]):
        load_arrays(path)


@pytest.mark.parametrize("damage", [b"PK", b"PK\x03\x04" + bytes(100), b"\x93NUMPY\x09\x00", b"", b"text"])
def test_what_is_no_array_is_named(tmp_path, damage):
    path = tmp_path / "a.npy"
    path.write_bytes(damage)
    with pytest.raises((ValueError, EOFError)):
        load_arrays(path)
