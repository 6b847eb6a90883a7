"""How a notebook shows statistics: short tables, with what belongs below them."""

import html
from typing import Any

import pandas as pd


class Comparisons(pd.DataFrame):  # type: ignore[misc]  # pandas has no types
    """The table of `results.statistics.versus.comparisons`; a notebook shows what matters of it."""

    @classmethod
    def of(cls, table: pd.DataFrame) -> "Comparisons":
        """Make it of a table, with its attrs."""
        made = cls(table)
        made.attrs |= table.attrs
        return made

    def _repr_html_(self) -> str:
        bounds = zip(self["low"], self["high"], strict=True)
        shown = pd.DataFrame(
            {
                "A": self["a"],
                "B": self["b"],
                "task": self["task"] + " (" + self["metric"] + ")",
                "A less B": self["difference"].map(_signed),
                "interval": ["–" if pd.isna(low) else f"[{low:+.3f}, {high:+.3f}]" for low, high in bounds],
                "p (Holm)": self["p_holm"].map(_short),
                "verdict": self["verdict"],
                "reason": self["reason"],
            }
        )
        return as_html(shown)


def as_html(table: pd.DataFrame, *notes: str) -> str:
    """Write a table of texts as HTML, and a paragraph a note; all of it is escaped."""
    paragraphs = (f"<p>{html.escape(note)}</p>" for note in notes if note)
    return "\n".join([str(table.to_html(index=False, border=0)), *paragraphs])


def _signed(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:+.3f}"


def _short(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.3g}"
