"""The table of PaSST checkpoints, with the ImageNet model that their training started from.

The rows of checkpoints.csv state facts about the packages hear21passt 0.0.26 and PaSST (github.com/kkoutini/PaSST).
Rows without an address are demonstration checkpoints, whose weights are part of this package.
"""

import csv
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from passt.catalog import demo, named
from passt.catalog.architecture import MEL_BANDS, PATCH, SAMPLE_RATE, Architecture
from passt.catalog.card import Card
from passt.catalog.choices import choices
from passt.catalog.spec import EmbeddingSpec
from passt.catalog.spec_text import parse_fields
from passt.tokens import TOKENS, caps

__all__ = ["MEL_BANDS", "PATCH", "SAMPLE_RATE", "Architecture", "Checkpoint", "get", "spec_of", "table"]

SCENE_HOP_MS = {10: 2500, 20: 5000, 30: 10000}
"""Longest excerpt in s -> time between the windows over a longer clip, in ms (hear21passt 0.0.26)."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint(Architecture):
    """A set of published weights, and its architecture.

    `Architecture` explains the other attributes.

    Attributes:
        name: name of the published weights.
        alias: a second, shorter name, or "".
        url: address of the published file. "" for a demonstration checkpoint, whose file is part of this package.
        max_window_s: longest excerpt that goes through the network in one pass, in s.
        audioset_mAP: published mean average precision on AudioSet. None if the weights were trained on other data.
        trained_on: the training data, for people.
        layout: naming scheme of the tensors in the published file: `passt`, or `deit`, which is converted on reading.
        sha256: SHA-256 of the published file, or its first digits. "" if none was published.
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
        """Names of the embedding levels, ordered from the input to the output."""
        blocks = (f"block{i}{pool}" for i in range(1, self.depth + 1) for pool in ("", ".patches"))
        return ("mel", "melmean", *blocks, "features", *(("logits",) if self.n_classes else ()))

    @property
    def token_levels(self) -> tuple[str, ...]:
        """Names of the levels that keep the tokens of a window."""
        return tuple(f"block{number}{TOKENS}" for number in range(1, self.depth + 1))

    def token_grid(self, window_ms: int | None) -> tuple[int, int]:
        """Count the rows and columns of tokens that these levels keep of a window; None is the longest excerpt."""
        length_ms = 1000 * self.max_window_s if window_ms is None else window_ms
        return caps(self.grid[0], self.columns(SAMPLE_RATE * length_ms // 1000))

    @property
    def file(self) -> str:
        """Name of the weight file, as published or as in this package."""
        return unquote(urlsplit(self.url).path.rsplit("/", 1)[-1]) or f"{self.name}.safetensors"

    @property
    def md5(self) -> str:
        """No file of PaSST was published with an MD5."""
        return ""

    @property
    def shipped(self) -> Path | None:
        """Path of a demonstration checkpoint's file in this package. None for published checkpoints."""
        return None if self.url else demo.FOLDER / self.file

    @property
    def scene_hop_ms(self) -> int:
        """Time between the windows over a clip that is longer than the maximum, in ms."""
        return SCENE_HOP_MS[self.max_window_s]

    @property
    def card(self) -> Card:
        """The card of the checkpoint."""
        card = Card(
            name=self.name,
            family="passt",
            sample_rate=SAMPLE_RATE,
            levels=self.levels,
            token_levels=self.token_levels,
            default_levels=tuple(level for level in EmbeddingSpec.levels if level in self.levels),
            default_windows_ms=EmbeddingSpec.windows_ms,
            min_window_ms=math.ceil(self.min_samples * 1000 / SAMPLE_RATE),
            max_window_ms=self.max_window_s * 1000,
            precisions=True,
            aliases=(self.alias,) if self.alias else (),
        )
        return replace(card, **demo.WEIGHTS) if self.shipped else card


@functools.cache
def table() -> Mapping[str, Checkpoint]:
    """Read the table of PaSST checkpoints, by name and in the order of the file."""
    with Path(__file__).with_name("checkpoints.csv").open(newline="") as file:
        rows = [_from_row(row) for row in csv.DictReader(file)]
    return {row.name: row for row in rows}


def get(name: str) -> Checkpoint:
    """Look up a checkpoint by its name or alias.

    Raises:
        ValueError: the name is unknown. The message lists the known names.
    """
    for checkpoint in table().values():
        if name and name in (checkpoint.name, checkpoint.alias):
            return checkpoint
    if name in named.table():
        raise ValueError(f"{name!r} is the name of a spec, not of a checkpoint: {named.table()[name].spec}")
    aliases = filter(None, (row.alias for row in table().values()))
    raise ValueError(f"unknown checkpoint {name!r}{choices(name, table(), aliases, '`ablate models`')}")


def spec_of(text: str) -> EmbeddingSpec:
    """Make the complete spec of a text, or of the name of a spec, with the checkpoint's defaults.

    >>> str(spec_of("passt_demo"))
    'passt_demo@logits+features@w160@smax@t50@demo'

    Raises:
        ValueError: an unknown name, or a part that the checkpoint does not allow.
    """
    fields = parse_fields(text)
    if "beside" in fields:
        raise ValueError(f"spec: expected one model of PaSST, got {text!r}")
    checkpoint = fields.pop("checkpoint")
    if checkpoint not in {name for row in table().values() for name in (row.name, row.alias)}:
        raise ValueError(
            f"spec: unknown name {checkpoint!r}{choices(checkpoint, [*named.table(), *table()], (), '`ablate models`')}"
        )
    return get(checkpoint).card.spec(**fields)


def _from_row(row: Mapping[str, str]) -> Checkpoint:
    return Checkpoint(
        name=row["name"],
        alias=row["alias"],
        url=row["url"],
        trained_on=row["trained_on"],
        layout=row["layout"],
        sha256=row["sha256"],
        audioset_mAP=float(row["audioset_mAP"]) if row["audioset_mAP"] else None,
        max_window_s=int(row["max_window_s"]),
        n_classes=int(row["n_classes"]),
        hop=int(row["stft_hop_samples"]),
        fstride=int(row["fstride"]),
        tstride=int(row["tstride"]),
        n_frames=int(row["n_frames"]),
        depth=int(row["depth"]),
        width=int(row["width"]),
        heads=int(row["heads"]),
    )
