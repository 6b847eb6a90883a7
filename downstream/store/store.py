"""The tap store: embeddings on disk, shared by every spec that needs them.

Layout: ``<root>/<embedder fingerprint>/<audio key>/<split>/{scene|t50|t50ahead0|town}/<level>@<window|own>.npy``, .npy
files of float32 (rows, dim), or of bfloat16 for tokens, to be memory-mapped, each with its record
(`downstream.store.tap_file`), beside ``index.npz`` (files, offsets, timestamps in ms). A tap that was changed, or
belongs elsewhere, counts as missing.

An extraction in progress is the folder ``.partial-<taps>`` there (`downstream.store.extraction`). A writer holds the
folder's ``.lock``; readers share ``.used``, whose time is that of the last use.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from downstream.disk.files import cache_folder, expanded
from downstream.disk.locks import LOCK, held
from downstream.disk.sums import ADVICE
from downstream.embedder import OWN_HOP, Tap
from downstream.notices import warn_once
from downstream.store.index import NAME as INDEX_NAME
from downstream.store.index import Index
from downstream.store.number_format import Rows
from downstream.store.tap_file import check_tap, read_rows


def default_root() -> Path:
    """$ABLATE_STORE, else a folder in the user's cache; an empty variable counts as unset."""
    if variable := os.environ.get("ABLATE_STORE"):
        return expanded(variable)
    return cache_folder() / "store"


@dataclass(frozen=True)
class TapFolder:
    """The folder of the taps of one embedder on one split.

    It has scene embeddings, or timestamp embeddings of one hop.
    """

    path: Path

    def file(self, tap: Tap) -> Path:
        """The file of a tap, whether it exists or not."""
        return self.path / f"{name_of(tap)}.npy"

    def missing(self, taps: Sequence[Tap], *, full: bool = False) -> list[Tap]:
        """The taps that are absent or faulty; each fault is logged once.

        Args:
            full: verify the rows; else only headers and records.
        """
        whole = []
        if present := [tap for tap in taps if self.file(tap).is_file()]:
            try:
                index = self.index()
            except (ValueError, FileNotFoundError) as error:
                warn_once(f"{error}; its {len(present)} taps are made anew")
                return list(taps)
            for tap in present:
                try:
                    check_tap(self.file(tap), index, full=full)
                    whole.append(tap)
                except ValueError as error:
                    warn_once(f"{error}; it is made anew")
                except FileNotFoundError:  # removed in between
                    continue
        return [tap for tap in taps if tap not in whole]

    def read(self, tap: Tap, index: Index | None = None) -> Rows:
        """Read a tap: (rows, dim) float32, memory-mapped and verified.

        Raises:
            ValueError: names a file that was changed, and says what to do.
        """
        try:
            return read_rows(self.file(tap), index or self.index())
        except ValueError as error:
            raise ValueError(f"{error}; {ADVICE}") from None

    def index(self) -> Index:
        """Read the index of the rows.

        Raises:
            ValueError: the index was changed.
            FileNotFoundError: the folder has no taps.
        """
        return Index.read(self.path / INDEX_NAME)

    def known_index(self) -> Index | None:
        """The index; None if it is absent or was changed."""
        try:
            return self.index()
        except (ValueError, FileNotFoundError):
            return None

    def locked(self, *, wait: bool = True) -> contextlib.AbstractContextManager[None]:
        """Hold the folder's lock, for one writer at a time.

        Raises:
            BlockingIOError: another process has it, and `wait` is False.
        """
        return held(self.path / LOCK, wait=wait)


def name_of(tap: Tap) -> str:
    """The name of a tap's files, without suffix."""
    level, window_ms = tap
    return f"{level}@{'own' if window_ms is None else window_ms}"


def tap_folder(
    root: Path, embedder: str, audio: str, split: str, hop_ms: int | None, lookahead_ms: int | None = None
) -> TapFolder:
    """The folder of taps in a store.

    Args:
        embedder: its fingerprint.
        audio: the key of the split's audio.
        hop_ms: the step of timestamps in ms; None for scene embeddings.
        lookahead_ms: how far windows reach beyond their timestamp; None if they are centered. Scenes have none.
    """
    kinds = {None: "scene", OWN_HOP: "town"}
    kind = kinds.get(hop_ms, f"t{hop_ms}")
    ahead = "" if hop_ms is None or lookahead_ms is None else f"ahead{lookahead_ms}"
    return TapFolder(root / embedder / audio / split / f"{kind}{ahead}")
