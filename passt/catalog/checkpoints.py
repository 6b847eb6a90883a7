"""The table of PaSST checkpoints, and of the ImageNet model they started from, with what each requires.

The rows of checkpoints.csv are facts of the packages hear21passt 0.0.26 and PaSST (github.com/kkoutini/PaSST); those
without an address are demonstration checkpoints, whose weights are in this package.
"""

import csv
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from passt.catalog import demo, named
from passt.catalog.architecture import MEL_BANDS, PATCH, SAMPLE_RATE, Architecture
from passt.catalog.card import Card, choices
from passt.catalog.spec import EmbeddingSpec

__all__ = ["MEL_BANDS", "PATCH", "SAMPLE_RATE", "Architecture", "Checkpoint", "get", "table"]

SCENE_HOP_MS = {10: 2500, 20: 5000, 30: 10000}  # by maximum in s: distance of windows over a longer clip (hear21passt)


@dataclass(frozen=True, kw_only=True)
class Checkpoint(Architecture):
    """One set of weights: an architecture, and what its weights are.

    Attributes:
        max_window_s: the longest excerpt that goes through the network at once, in s.
        audioset_mAP: as published; None for weights of other data.
        layout: whose names and shapes the published file has: `passt`, or `deit`, which is converted on reading.
        sha256: the published file's first digits, where it was published with them.
    """

    name: str
    alias: str
    url: str
    max_window_s: int
    audioset_mAP: float | None
    trained_on: str
    layout: str
    sha256: str

    @property
    def levels(self) -> tuple[str, ...]:
        """Embedding levels, from the input to the output."""
        blocks = (f"block{i}{pool}" for i in range(1, self.depth + 1) for pool in ("", ".patches"))
        return ("mel", "melmean", *blocks, "features", *(("logits",) if self.n_classes else ()))

    @property
    def file(self) -> str:
        """The name that the file is published with, or has in this package."""
        return unquote(urlsplit(self.url).path.rsplit("/", 1)[-1]) or f"{self.name}.safetensors"

    @property
    def shipped(self) -> Path | None:
        """The file of a demonstration checkpoint, which is part of this package."""
        return None if self.url else demo.FOLDER / self.file

    @property
    def scene_hop_ms(self) -> int:
        """Distance of the windows over a clip longer than the maximum."""
        return SCENE_HOP_MS[self.max_window_s]

    @property
    def card(self) -> Card:
        return Card(
            name=self.name,
            family="passt",
            sample_rate=SAMPLE_RATE,
            levels=self.levels,
            default_levels=tuple(level for level in EmbeddingSpec.levels if level in self.levels),
            default_windows_ms=EmbeddingSpec.windows_ms,
            min_window_ms=math.ceil(self.min_samples * 1000 / SAMPLE_RATE),
            max_window_ms=self.max_window_s * 1000,
            precisions=True,
            **(demo.WEIGHTS if self.shipped else {}),
            aliases=(self.alias,) if self.alias else (),
        )


@functools.cache
def table() -> Mapping[str, Checkpoint]:
    """Every published PaSST checkpoint by its name, in the order of the table."""
    with Path(__file__).with_name("checkpoints.csv").open(newline="") as file:
        rows = [_from_row(row) for row in csv.DictReader(file)]
    return {row.name: row for row in rows}


def get(name: str) -> Checkpoint:
    """The checkpoint of that name or alias.

    Raises:
        ValueError: names the known ones.
    """
    for checkpoint in table().values():
        if name and name in (checkpoint.name, checkpoint.alias):
            return checkpoint
    if name in named.table():
        raise ValueError(f"{name!r} is the name of a spec, not of a checkpoint: {named.table()[name].spec}")
    raise ValueError(f"unknown checkpoint {name!r}{choices(name, table())}")


def _from_row(row: Mapping[str, str]) -> Checkpoint:
    numbers = {
        name: int(row[name])
        for name in ("fstride", "tstride", "n_frames", "n_classes", "depth", "width", "heads", "max_window_s")
    }
    score = float(row["audioset_mAP"]) if row["audioset_mAP"] else None
    texts = {name: row[name] for name in ("name", "alias", "url", "trained_on", "layout", "sha256")}
    return Checkpoint(**texts, **numbers, hop=int(row["stft_hop_samples"]), audioset_mAP=score)
