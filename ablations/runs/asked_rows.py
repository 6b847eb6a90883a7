"""The rows of an earlier run that a study, as it is now, still asks for."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ablations.models import registry
from ablations.study.study import Study
from ablations.units.outcome import Concerned

logger = logging.getLogger(__name__)
MOST_REASONS = 6
"""The number of reasons that the log line spells out."""


class AskedRows:
    """Earlier rows stay in `rows.csv` if model, seed, protocol, precision and task are those of the study.

    Args:
        study: as it is now.
        tasks: keys of the study's tasks that could be read; rows of another task stay if a failure concerns them.
        precision: of the models that have several precisions; the others have fp32.
    """

    def __init__(self, study: Study, tasks: Collection[str], precision: str) -> None:
        self.study, self.tasks = study, tasks
        self.models = {str(model.spec): model for model in study.models}
        self.precisions = {
            spec: precision if any(registry.card(part.checkpoint).precisions for part in model.spec.parts) else "fp32"
            for spec, model in self.models.items()
        }

    def why_not(self, row: Mapping[str, Any], concerned: Concerned) -> str:
        """Say what of a row the study does not ask for any more; empty for a row that it asks for."""
        if row["spec"] not in self.models:
            return f"model {row.get('model') or row['spec']}"
        if row["seed"] not in self.study.seeds:
            return f"seed {row['seed']}"
        if row["task"] not in self.tasks and not concerned.holds(row):
            return f"task {row['task']}"
        for name, current in (("protocol", self.study.protocol), ("precision", self.precisions[row["spec"]])):
            if (row.get(name) or current) != current:
                return f"{name} {row[name]}"
        return ""

    def renamed(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Give a row the names that the study has now for itself and for the model."""
        return {**row, "study": self.study.name, "model": self.models[row["spec"]].label}


def log_left_out(file: Path, reasons: Iterable[str]) -> None:
    """Log in one line how many rows were left out of a file, and why.

    Args:
        file: rows.csv.
        reasons: one for each row that was left out.
    """
    counts = Counter(reasons)
    if not counts:
        return
    common = counts.most_common(MOST_REASONS)
    listed = ", ".join(f"{reason} ({count})" for reason, count in common)
    rest = f" and {len(counts) - len(common)} more" if len(counts) > len(common) else ""
    logger.warning(
        "%s: %d rows left out that the study does not ask for now: %s%s; their jobs stay in jobs/, and the rows come "
        "back when the study asks for them again",
        file,
        counts.total(),
        listed,
        rest,
    )
