"""Label curves of a study: the study again under protocols that draw training clips, from one store."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ablations.runs.protocols import under_protocol
from ablations.study.study import Study
from downstream.probes.protocol import Protocol
from results import load
from results.statistics.label_curve import points

FOLDER = "{study}.curve"
"""The folder of a study's label curves among runs; each protocol has a folder in it."""
WHOLE = 1.0
"""The share of all training clips."""


def curve_studies(
    study: Study, protocol: str, *, fewshot: Sequence[int] = (), fraction: Sequence[float] = (), draws: int = 5
) -> list[Study]:
    """The studies that make up a label curve, one a number of labels.

    Args:
        study: whose models and tasks are compared.
        protocol: without a draw.
        fewshot: training clips of each label.
        fraction: shares of the training clips; 1 is all of them, and needs no draw.
        draws: seeds 0 to draws - 1, each with draws of its own.

    Raises:
        ValueError: names a number that is out of range, or a protocol that draws already.
    """
    base = Protocol.parse(protocol)
    if base.draws:
        raise ValueError(f"protocol {protocol!r} draws training clips already; the curve adds its own draws")
    if bool(fewshot) == bool(fraction):
        raise ValueError("a label curve needs fewshot or fraction, and not both")
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    texts = [f"{base}+fewshot{shots:g}" for shots in sorted(set(fewshot))]
    texts += [str(base) if share == WHOLE else f"{base}+fraction{share:g}" for share in sorted(set(fraction))]
    return [_with_protocol(study, Protocol.parse(text), tuple(range(draws))) for text in texts]


def _with_protocol(study: Study, protocol: Protocol, seeds: tuple[int, ...]) -> Study:
    """The study under another protocol, without its comparisons."""
    content = study.content
    if content is not None:
        content = {key: value for key, value in content.items() if key != "comparisons"}
    return under_protocol(replace(study, comparisons=(), content=content), protocol, seeds)


def load_curve(studies: Sequence[Study], folder: Path) -> pd.DataFrame:
    """The points of a label curve (`results.statistics.label_curve.points`) of studies that were run in a folder."""
    return points([load(folder / study.name) for study in studies])
