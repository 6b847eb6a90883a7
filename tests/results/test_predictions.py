"""Predictions of jobs that are damaged are named, and cost no more memory than there is."""

import zipfile

import numpy as np
import pytest

from results import predictions
from results.predictions import read_predictions


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def claim(path):
    with zipfile.ZipFile(path, "w") as archive:
        text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**50},), }}".ljust(117) + "\n"
        for name in ("files", "prediction", "target", "offsets", "timestamps"):
            archive.writestr(f"a.{name}.npy", b"\x93NUMPY\x01\x00v\x00" + text.encode())


def lack(path):
    np.savez_compressed(path, **{"a.target": np.zeros(3)})


def replace(path):
    path.write_text("text")


@pytest.mark.parametrize("damage", [cut, claim, lack, replace])
def test_damaged_predictions_are_named(tmp_path, damage):
    path = tmp_path / "jobs" / "one.npz"
    path.parent.mkdir()
    np.savez_compressed(path, **{f"a.{name}": np.zeros(3) for name in ("files", "prediction", "target", "offsets")})
    damage(path)
    with pytest.raises(ValueError, match="one.npz: not the predictions of a job: .*; remove it and one.json") as error:
        read_predictions(tmp_path, "one")
    assert "\n" not in str(error.value)


def test_predictions_that_unpack_to_more_than_the_memory_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "jobs" / "one.npz"
    path.parent.mkdir()
    np.savez_compressed(path, **{"a.target": np.zeros(10**6)})
    monkeypatch.setattr(predictions.os, "sysconf", lambda name: 1000)
    with pytest.raises(ValueError, match=r"it unpacks to 0.0 GB, expected less than the memory, 0.0 GB"):
        read_predictions(tmp_path, "one")
