"""The one place where names become labels with marks: the door of tables and figures.

Scores have flags instead (`results.scores.kinds`). Nothing reads a mark back.
"""

import re
from collections.abc import Iterable

import pandas as pd

from results.reference.published import named

UNTRAINED_MARK = "†"
PUBLISHED_MARK = "‡"
READ_OFF_MARK = "≈"
TERMS = {
    "L": "mel spectrogram around the timestamp",
    "M": "classification and distillation tokens",
    "H": "logits",
    "2RF": "receptive fields of 160 and 640 ms",
    "large RF": "receptive field of 640 ms",
}
"""What the paper's names of its models are made of."""
UNTRAINED_NOTE = f"{UNTRAINED_MARK} untrained weights (random, from a seed): a floor, not what the model can do."


def labels(scores: pd.DataFrame, read_off: bool = False) -> pd.Series:
    """Label each line of a table of scores by its model.

    Published models carry their mark and, where the lines are of several sets, their set's name; models with untrained
    weights carry another mark.

    Args:
        scores: lines with a model. A flag of `results.scores.kinds.with_flags` that is not a column is not set.
        read_off: whether a mark in front names scores that were read off a figure, where no value shows it.
    """
    flags = scores.reindex(columns=["set", "published", "untrained", "read_off"])
    sets = flags["set"].astype(object).fillna("")
    published, untrained, off_figure = (
        flags[name].astype("boolean").fillna(False).astype(bool) for name in ("published", "untrained", "read_off")
    )
    names = scores["model"].where(~published, named(scores["model"], sets))
    marked = names.where(~untrained, names + UNTRAINED_MARK).where(~published, names + PUBLISHED_MARK)
    return with_read_off(marked, off_figure & read_off)


def with_read_off(texts: pd.Series, read_off: pd.Series) -> pd.Series:
    """Mark the texts of values, or the names of models, whose scores were read off a figure."""
    return texts.where(~read_off, READ_OFF_MARK + texts)


def terms(models: Iterable[str]) -> list[str]:
    """Explain the paper's terms in the names of models, in one line; none where there are none."""
    used: set[str] = set()
    for name in models:
        levels = re.findall(r"(?<![\w+])[LMH](?:\+[LMH])+\b", name)
        if "PaSST" in name:
            levels += re.findall(r"(?<![\w+])[LMH](?![\w+])", name)
        used |= set("".join(levels)) | {term for term in ("2RF", "large RF") if term in name}
    explained = [f"{term}: {meaning}" for term, meaning in TERMS.items() if term in used]
    return [f"{'; '.join(explained)}."] if explained else []
