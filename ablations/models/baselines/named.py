"""The published configurations of EfficientAT_HEAR as named specs, and why some are not supported.

Source: github.com/fschmid56/EfficientAT_HEAR, where each configuration is a module. Here levels, windows and STFT hops
are values.
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passt.catalog import spec_text


@dataclass(frozen=True)
class NamedSpec:
    """One row of named_specs.csv.

    Attributes:
        name: of the module.
        spec: what it stands for; empty if it is not supported.
        scene_dim: the width of its scene embeddings, as the module states it.
        unsupported: why it is not supported; empty if it is.
    """

    name: str
    spec: str
    scene_dim: int
    unsupported: str


@functools.cache
def table() -> Mapping[str, NamedSpec]:
    """Every published configuration by name, in the order of the file."""
    with Path(__file__).with_name("named_specs.csv").open(newline="", encoding="utf-8") as file:
        rows = [
            NamedSpec(row["name"], row["spec"], int(row["scene_dim"]), row["unsupported"])
            for row in csv.DictReader(file)
        ]
    return {row.name: row for row in rows}


def fields_of(name: str) -> dict[str, Any]:
    """The fields of a named spec, of PaSST or a baseline; any other name stands for a checkpoint.

    Raises:
        ValueError: a published configuration that is not supported; says why.
    """
    row = table().get(name)
    if row is None:
        return dict(spec_text.fields_of(name))
    if row.unsupported:
        raise ValueError(f"{name}: not supported: {row.unsupported}")
    return dict(spec_text.parse_fields(row.spec))
