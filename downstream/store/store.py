"""The tap store: embeddings on disk, complete or absent, shared by every spec that needs them.

Layout: ``<root>/<embedder fingerprint>/<audio key>/<split>/{scene|t50|town}/<level>@<window|own>.npy``, ordinary .npy
files of float32 (rows, dim) to be memory-mapped, each with its record (`downstream.store.tap_file`), beside
``index.npz`` (files, offsets, timestamps in ms). What was changed, or put into another's place, counts as missing.

An extraction in progress lives in the folder ``.partial-<taps>`` there (`downstream.store.extraction`). Who writes
holds the folder's ``.lock``; who needs what is there shares ``.used``, whose time says when that was.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from downstream.disk.files import cache_folder, expanded
from downstream.disk.locks import LOCK, held
from downstream.disk.sums import ADVICE
from downstream.embedder import OWN_HOP, Tap
from downstream.notices import warn_once
from downstream.store.index import NAME as INDEX_NAME
from downstream.store.index import Index
from downstream.store.tap_file import read_header, read_rows, verify


def default_root() -> Path:
    """$ABLATE_STORE, else a folder in the user's cache."""
    if set_to := os.environ.get("ABLATE_STORE"):  # an empty variable is none
        return expanded(set_to)
    return cache_folder() / "store"


@dataclass(frozen=True)
class TapFolder:
    """The taps of one embedder on one split: scene embeddings, or timestamp embeddings of one hop."""

    path: Path

    def file(self, tap: Tap) -> Path:
        return self.path / f"{name_of(tap)}.npy"

    def missing(self, taps: Sequence[Tap], *, full: bool = False) -> list[Tap]:
        """The taps that are not here as they were written; what is wrong with one that is here is logged once.

        Args:
            full: whether rows are read, too.
        """
        whole = []
        if there := [tap for tap in taps if self.file(tap).is_file()]:
            try:
                index = self.index()
            except (ValueError, FileNotFoundError) as error:
                warn_once(f"{error}; its {len(there)} taps are made anew")
                return list(taps)
            for tap in there:
                try:
                    (verify if full else read_header)(self.file(tap), index)
                    whole.append(tap)
                except ValueError as error:
                    warn_once(f"{error}; it is made anew")
                except FileNotFoundError:  # removed in between
                    continue
        return [tap for tap in taps if tap not in whole]

    def read(self, tap: Tap, index: Index | None = None) -> np.ndarray:
        """(rows, dim) float32, memory-mapped and verified.

        Raises:
            ValueError: names a file that is not what was written, and says what to do.
        """
        try:
            return read_rows(self.file(tap), index or self.index())
        except ValueError as error:
            raise ValueError(f"{error}; {ADVICE}") from None

    def index(self) -> Index:
        """Whose rows are where.

        Raises:
            ValueError: the file is not what was written. FileNotFoundError: no tap is here.
        """
        return Index.read(self.path / INDEX_NAME)

    def known_index(self) -> Index | None:
        """The index, None where there is none that can be used."""
        try:
            return self.index()
        except (ValueError, FileNotFoundError):
            return None

    def locked(self, *, wait: bool = True) -> contextlib.AbstractContextManager[None]:
        """Only one run writes here at a time; others wait, and then find what it wrote (or BlockingIOError)."""
        return held(self.path / LOCK, wait=wait)


def name_of(tap: Tap) -> str:
    """What a tap's files are called."""
    level, window_ms = tap
    return f"{level}@{'own' if window_ms is None else window_ms}"


def tap_folder(root: Path, embedder: str, audio: str, split: str, hop_ms: int | None) -> TapFolder:
    """The folder of an embedder's fingerprint and an audio key; `hop_ms` is None for scene embeddings."""
    kind = {None: "scene", OWN_HOP: "town"}.get(hop_ms, f"t{hop_ms}")
    return TapFolder(root / embedder / audio / split / kind)
