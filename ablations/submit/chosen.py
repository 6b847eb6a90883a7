"""The models of a run that are handed on, with their scores, and what has to be said of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from downstream.disk.choices import choices
from results import load
from results.scores.kinds import MEASURED
from results.scores.records import RunRecord, read_record

UNTRAINED = "untrained weights are a floor, not what the model can do; `--to card` labels them"
FEW_MODELS = 4
"""More models than this are counted."""


@dataclass(frozen=True)
class Chosen:
    """Models of a run.

    Attributes:
        folder: of the run.
        rows: those of the models, measured and missing, as `results.load` gives them.
        record: of the run; None where an earlier version made it.
        models: their names in rows, in the study's order.
        left_out: lines that name the models that were not taken, and why.
    """

    folder: Path
    rows: pd.DataFrame
    record: RunRecord | None
    models: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: Path, names: Sequence[str] = (), *, untrained: bool = False) -> "Chosen":
        """Choose models of a run.

        Args:
            folder: of the run.
            names: of models, as the table has them without marks; () for all.
            untrained: whether models with untrained weights are taken.

        Raises:
            FileNotFoundError: the folder has no rows.
            ValueError: a name is of no model that was measured, or of an untrained one that is not taken; or no model
                is left.
        """
        rows = load(folder)
        rows = rows[~rows["published"]]
        measured = rows[rows["kind"] == MEASURED]
        with_untrained = measured["weights"].str.contains("untrained-")  # also one of several side by side
        floors = set() if untrained else set(measured.loc[with_untrained, "model"])
        known = list(dict.fromkeys(measured["model"]))
        for name in names:
            if name not in known:
                raise ValueError(f"no model {name!r} was measured in {folder}{choices(name, known)}")
            if name in floors:
                raise ValueError(f"{name}: {UNTRAINED}")
        models = tuple(name for name in known if (name in names if names else name not in floors))
        if not models:
            raise ValueError(f"{folder}: {UNTRAINED}" if floors else f"{folder}: nothing was measured")
        floor_names = [name for name in known if name in floors]
        left_out = (f"{who(floor_names, len(known))}: left out, {UNTRAINED}.",) if floors and not names else ()
        return cls(folder, rows[rows["model"].isin(models)], read_record(folder), models, left_out)


def who(models: Sequence[str], of: int) -> str:
    """Name models, by their number where they are many.

    Args:
        of: how many models there are.
    """
    if len(models) == of > 1:
        return f"all {of} models"
    return ", ".join(models) if len(models) <= FEW_MODELS else f"{len(models)} models"


def grouped(reasons: Mapping[str, str]) -> dict[str, list[str]]:
    """Turn name -> reason into reason -> names, in the order of the names."""
    groups: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        groups.setdefault(reason, []).append(name)
    return groups
