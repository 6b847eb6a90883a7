"""The table of named specs: what hear21passt has as modules and the paper as variants, as values.

A name may stand wherever a checkpoint may at the head of a spec text: ``2level-mel``, ``2level-mel@untrained-0``;
the parts that follow replace those of the name (`passt.catalog.spec.parse_fields` does it).

Sources: "K22" is Koutini et al., "Learning General Audio Representations With Large-Scale Training of Patchout Audio
Transformers", PMLR 166:65-89, 2022; modules are those of the package hear21passt 0.0.26. The large window is 640 ms in
the paper; in the package it is 640 ms (4 x) in base2levelmel and api, 800 ms (5 x) in all other modules that have one.
"""

import csv
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ORIGINS = ("paper", "package", "derived")


@dataclass(frozen=True)
class NamedSpec:
    """One row of named_specs.csv.

    Attributes:
        spec: the spec text that the name stands for; weights are not part of it.
        origin: `paper`; `package`, a module of hear21passt; or `derived`, such a module with the paper's large window.
        source: figure or module.
    """

    name: str
    spec: str
    origin: str
    source: str
    description: str


@functools.cache
def table() -> Mapping[str, NamedSpec]:
    """Every named spec by its name, in the order of the table."""
    with Path(__file__).with_name("named_specs.csv").open(newline="", encoding="utf-8") as file:
        return {row["name"]: NamedSpec(**row) for row in csv.DictReader(file)}
