"""Rows in; tables, statistics and figures out. Published reference numbers live here too. No torch.

`results.load` reads runs, `results.score` averages their rows, `results.table` and `results.text` show the scores,
`results.figure` draws them, `results.compare` says which differences are more than chance. All but `load` are imported
when they are first asked for: only figures need matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from results.load import load

if TYPE_CHECKING:
    from results.figures import figure
    from results.scores.wide import score
    from results.statistics.versus import comparisons as compare
    from results.tables.compose import table, text

__all__ = ["compare", "figure", "load", "score", "table", "text"]

DOORS = {
    "compare": ("results.statistics.versus", "comparisons"),
    "figure": ("results.figures", "figure"),
    "score": ("results.scores.wide", "score"),
    "table": ("results.tables.compose", "table"),
    "text": ("results.tables.compose", "text"),
}
"""The module of each door that is imported late, and its name there."""


def __getattr__(name: str) -> Any:
    if name not in DOORS:
        raise AttributeError(f"module 'results' has no attribute {name!r}")
    module, attribute = DOORS[name]
    return getattr(import_module(module), attribute)
