"""A store with two taps on a split, for tests of what goes wrong with stores."""

from pathlib import Path

import numpy as np

from downstream.store.extraction import Extraction
from downstream.store.store import TapFolder

A, B = ("features", 160), ("mel", None)
ROWS = 7


def values(tap, rows: int = ROWS) -> np.ndarray:
    dim = 3 if tap == A else 2
    return np.random.default_rng(dim).standard_normal((rows, dim), dtype=np.float32)


def made(root: Path, taps=(A, B), embedder: str = "a" * 16, name: str = "narrow", stop: bool = False) -> TapFolder:
    """The folder of a store with these taps, written in two batches; after one of these where `stop` says so."""
    folder = TapFolder(root / embedder / ("b" * 16) / "train" / "t50")
    dims = {tap: values(tap).shape[1] for tap in taps}
    about = {"embedder": name, "clips": "beeps/train"}
    with Extraction.begin(folder, dims, [["x.wav", "y.wav"], ["z.wav"]], about) as extraction:
        extraction.append({tap: values(tap)[:3] for tap in taps}, [2, 1], np.arange(3) * 50.0)
        if not stop:
            extraction.append({tap: values(tap)[3:] for tap in taps}, [4], np.arange(4) * 50.0)
            extraction.finish()
    return folder


def flip(path: Path, place: int) -> None:
    """One bit of a file is another one, as on a failing disk."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
