"""Named specs: the modules of hear21passt and the variants of the paper, as values.

A name may stand at the head of a spec text, in the checkpoint's place: ``2level-mel``, ``2level-mel@untrained-0``.
The parts that follow it replace those of the named spec (see `passt.catalog.spec_text.parse_fields`).

Sources: "K22" is Koutini et al., "Learning General Audio Representations With Large-Scale Training of Patchout Audio
Transformers", PMLR 166:65-89, 2022. Modules are those of the package hear21passt 0.0.26. The large window is 640 ms
(4 x 160 ms) in the paper and in the modules base2levelmel and api. All other modules with two windows use 800 ms (5 x).
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
        name: the name that a spec text may begin with.
        spec: the spec text that the name stands for, without weights.
        origin: `paper`; `package`, a module of hear21passt; or `derived`, such a module with the paper's large window.
        source: figure of the paper, or module of the package.
        description: the variant in words.
    """

    name: str
    spec: str
    origin: str
    source: str
    description: str


@functools.cache
def table() -> Mapping[str, NamedSpec]:
    """Read the table of named specs, by name and in the order of the file."""
    with Path(__file__).with_name("named_specs.csv").open(newline="", encoding="utf-8") as file:
        return {row["name"]: NamedSpec(**row) for row in csv.DictReader(file)}
