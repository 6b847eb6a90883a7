"""The one note below a figure on the published scores that it shows."""

import pandas as pd

from results.reference.published import notes_on
from results.scores.labels import PUBLISHED_MARK, READ_OFF_MARK, protocol_note

OWN_CONTRADICTION = "same paper"
"""What a trap says where a source has two values of one score; results/reference has the other traps."""


def published_note(references: pd.DataFrame, marked: bool) -> str:
    """Say where published scores are from, how exactly they were read off, and where their source contradicts itself.

    Args:
        references: published rows, or boxes, with source and tolerance.
        marked: whether models carry the mark of published ones, as they do beside measured ones.
    """
    mark, sources = f"{PUBLISHED_MARK} " * marked, " and ".join(references["source"].unique())
    tolerance = references["tolerance"].max()
    exact = "" if pd.isna(tolerance) else f", {READ_OFF_MARK} read off within {tolerance:g}"
    traps = notes_on(references) if "spec" in references else []
    own = [line for line in traps if OWN_CONTRADICTION in line]
    other = protocol_note(references) if "protocol" in references else []
    return " ".join([f"{mark}Published, not measured here: {sources}{exact}.", *other, *own])
