"""The one place where names become labels with marks: the door of tables and figures.

Scores have flags instead (`results.scores.kinds`). Nothing reads a mark back.
"""

import re
from collections.abc import Iterable

import pandas as pd

from results.reference.published import named, set_of
from results.reference.sets import USUAL_PROTOCOL
from results.reference.trained_on import matches

UNTRAINED_MARK = "†"
PUBLISHED_MARK = "‡"
PROTOCOL_MARK = "¶"
TRAINED_MARK = "§"
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

    Published models carry their mark and, where the lines are of several sets, their set's name. One more mark stands
    where they are of another protocol than HEAR's, and another one on models with untrained weights.

    Args:
        scores: lines with a model. A flag of `results.scores.kinds.with_flags` that is not a column is not set.
        read_off: whether a mark in front names scores that were read off a figure, where no value shows it.
    """
    flags = scores.reindex(columns=["set", "published", "untrained", "read_off", "protocol"])
    sets = flags["set"].astype(object).fillna("")
    published, untrained, off_figure = (
        flags[name].astype("boolean").fillna(False).astype(bool) for name in ("published", "untrained", "read_off")
    )
    names = scores["model"].where(~published, named(scores["model"], sets))
    marked = names.where(~untrained, names + UNTRAINED_MARK).where(~published, names + PUBLISHED_MARK)
    other = published & flags["protocol"].notna() & (flags["protocol"] != USUAL_PROTOCOL)
    return with_read_off(marked.where(~other, marked + PROTOCOL_MARK), off_figure & read_off)


def protocol_note(published: pd.DataFrame) -> list[str]:
    """Say which published rows are of another protocol than HEAR's, in one line; none where all are of it."""
    other = published[published["protocol"] != USUAL_PROTOCOL]
    if other.empty:
        return []
    sets = dict(zip(set_of(other), other["protocol"], strict=True))
    named_sets = ", ".join(f"{name} ({protocol})" for name, protocol in sets.items())
    return [f"{PROTOCOL_MARK} of another protocol than HEAR's, so that scores do not compare as equals: {named_sets}."]


def with_read_off(texts: pd.Series, read_off: pd.Series) -> pd.Series:
    """Mark the texts of values, or the names of models, whose scores were read off a figure."""
    return texts.where(~read_off, READ_OFF_MARK + texts)


def with_trained(texts: pd.Series, scores: pd.DataFrame) -> pd.Series:
    """Mark the texts of scores of models that were trained on the task's data."""
    return texts.where(~scores.index.isin(matches(scores).index), texts + TRAINED_MARK)


def trained_note(scores: pd.DataFrame) -> list[str]:
    """Say which models were trained on the data of which tasks, in one line; none where none is known to have been."""
    found = matches(scores)
    if found.empty:
        return []
    models = scores.loc[found.index].assign(data=found["data"], labels=found["labels"])
    parts = []
    for (data, with_labels), lines in models.groupby(["data", "labels"], sort=False):
        names, tasks = (", ".join(lines[column].unique()) for column in ("model", "task"))
        parts.append(f"{names} on {tasks} ({data}, {'with' if with_labels == 'yes' else 'without'} labels)")

    known = "Who says so: results/reference/trained_on.csv; of others it is not known."
    return [f"{TRAINED_MARK} trained on data of the task: {'; '.join(parts)}. {known}"]


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
