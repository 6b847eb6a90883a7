"""What was written of a tap: beside ``<level>@<window>.npy`` a ``.json`` with the sums of its rows, batch by batch.

They are made of the batches while these are written, so that they cost no second pass, and show every later change.
"""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from downstream.files import write_json

DIGITS = 16  # of a batch's SHA-256
ADVICE = "`ablate store check --full --fix` moves what is faulty away, and the next run makes it anew"


@dataclass(frozen=True)
class Sums:
    """Of one tap.

    Attributes:
        dim: width of its rows. blocks: (rows, sum) of each batch, in order; () where they are not known.
        about: for people: ``embedder``, its name, and ``clips``, task and split.
    """

    dim: int
    blocks: tuple[tuple[int, str], ...]
    about: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> "Sums | None":
        """Those beside a tap's file; None where there are none, as of an earlier version.

        Raises:
            ValueError: names a file that can't be read.
        """
        source = path.with_suffix(".json")
        if not source.is_file():
            return None
        try:
            found = json.loads(source.read_text())
            blocks = tuple((int(rows), str(digest)) for rows, digest in found["blocks"])
            return cls(int(found["dim"]), blocks, dict(found["about"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{source}: not the sums of a tap ({type(error).__name__}); {ADVICE}") from None

    def write(self, path: Path) -> None:
        write_json(path.with_suffix(".json"), asdict(self))

    def first_wrong(self, path: Path, header: int) -> tuple[int, int] | None:
        """The first rows of a file, from and to, that are not those that were written; None where all are."""
        start = 0
        with path.open("rb") as file:
            file.seek(header)
            for rows, digest in self.blocks:
                if sum_of(file.read(rows * self.dim * 4)) != digest:
                    return start, start + rows
                start += rows
        return None


def sum_of(data: bytes) -> str:
    """The first digits of the SHA-256 of a batch's rows, float32, little-endian."""
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def of_batches(dim: int, lengths: Sequence[int], digests: Sequence[str | None], about: Mapping[str, Any]) -> Sums:
    """From the rows and sums of each batch; one of an earlier version has none."""
    known = all(digest is not None for digest in digests)
    return Sums(dim, tuple(zip(lengths, digests, strict=True)) if known else (), about)


def verify(path: Path, header: int) -> None:
    """Raise ValueError where a tap's file is not what was written; read once for as long as it doesn't change."""
    stat = path.stat()
    _verify(path, header, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _verify(path: Path, header: int, *_: int) -> None:
    sums = Sums.read(path)
    wrong = sums and sums.first_wrong(path, header)
    if wrong:
        raise ValueError(f"{path}: its rows {wrong[0]} to {wrong[1] - 1} are not those that were written; {ADVICE}")
