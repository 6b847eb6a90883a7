"""Comparison: the comparisons of a run's models, as a notebook and a terminal show them."""

import html
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.report.compare import Compared, Pair, compared
from ablations.report.compare_text import to_text
from ablations.report.statement import pairs_of
from results.statistics.statement import statement


@dataclass(frozen=True, repr=False)
class Comparison(Compared):
    """Comparisons that show themselves: tables in a notebook, elsewhere the text of `ablate compare`."""

    confidence: float = 0.95

    @property
    def statement(self) -> str:
        """What the comparisons on clips establish, in one to three sentences; empty where none were made."""
        return "" if self.clips is None else statement(self.clips, self.confidence)

    def __repr__(self) -> str:
        return to_text(self, self.confidence)

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.statement)}</p>\n{super()._repr_html_()}"


def compare_models(folder: Path, models: Iterable[str | Iterable[Pair]], **options: Any) -> Comparison:
    """Compare models of a run, see `ablations.door.result.compare`.

    Args:
        folder: of the run.
        models: names, the first of which is compared with the others, and lists of pairs.
        options: those of `ablations.report.compare.compared`.
    """
    models = list(models)
    names = [model for model in models if isinstance(model, str)]
    pairs = [(a, b) for listed in models if not isinstance(listed, str) for a, b in listed]
    if len(names) == 1:
        raise ValueError(f"expected two models or more, or none, got 1: {names[0]}")
    pairs += [(names[0], other) for other in names[1:]]
    made = compared(folder, dict.fromkeys(pairs or pairs_of(folder)), **options)
    return Comparison(**vars(made), confidence=options.get("confidence", 0.95))
