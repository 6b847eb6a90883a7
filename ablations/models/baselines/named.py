"""The published configurations of EfficientAT_HEAR as named specs, and those that are not supported, with the reason.

Source: github.com/fschmid56/EfficientAT_HEAR, where each of them is a module; here levels, windows and STFT hops are
values. `scene_dim` is what the module says of itself.
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passt.catalog import spec as specs


@dataclass(frozen=True)
class NamedSpec:
    """One row of named_specs.csv; `spec` is empty where `unsupported` says what of it there is not here."""

    name: str
    spec: str
    scene_dim: int
    unsupported: str


@functools.cache
def table() -> Mapping[str, NamedSpec]:
    """Every published configuration by its name, in the order of the table."""
    with Path(__file__).with_name("named_specs.csv").open(newline="", encoding="utf-8") as file:
        rows = [NamedSpec(**{**row, "scene_dim": int(row["scene_dim"])}) for row in csv.DictReader(file)]
    return {row.name: row for row in rows}


def fields_of(name: str) -> dict[str, Any]:
    """The fields that a named spec stands for, PaSST's or a baseline's; of any other name, the checkpoint alone.

    Raises:
        ValueError: for a published configuration that is not supported; says why.
    """
    row = table().get(name)
    if row is None:
        return specs.fields_of(name)
    if row.unsupported:
        raise ValueError(f"{name}: not supported: {row.unsupported}")
    return specs.parse_fields(row.spec)
