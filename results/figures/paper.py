"""Figures 4 to 10 of Koutini et al. 2022: from what is published alone, or with measured rows beside.

Each takes the rows of a run of its study in ablations/study/paper, or none, and a title; `models` is not needed.
Figures 6 and 7 are published as boxes only. In Figures 8 to 10 scores are known task by task: the paper's own models'
as read off Figure 10, the others' exactly.
"""

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from results.figures.boxes import box_statistics, draw_boxes
from results.figures.frame import scores_of
from results.figures.grouped import grouped_bars
from results.figures.style import notes_on
from results.reference.published import boxes, category_means, is_published, published
from results.scores.beside import PUBLISHED_MARK, READ_OFF_MARK

Rows = pd.DataFrame | None

PAPERS_NAMES = {
    "GURA Fuse Cat H+w+C": "Fuse Cat XWC",
    "GURA Cat H+w+C": "Cat XWC",
    "Logitech AI SERAB BYOL-S": "SERAB BYOL-S",
    "RedRice EfficientNet-B2": "EfficientNet-B2",
    "CVSSP PANNS": "PANNs",
}
"""The leaderboard's names of models that the paper calls otherwise."""
SINGLE = ("OpenL3", "wav2vec2", "PANNs")
CHALLENGE = ("SERAB BYOL-S", "EfficientNet-B2", "CREPE", "Fuse Cat XWC")
WAV2VEC2 = "wav2vec2 on general tasks: its leaderboard scores; the paper's box is as if FSD50K were .117, not .342."


def fig4(rows: Rows = None, title: str | None = None, models: Rows = None) -> Figure:
    """Embedding level on the timestamp tasks."""
    return grouped_bars(_beside(rows, published(["fig4"])), title or "Embedding level")


def fig5(rows: Rows = None, title: str | None = None, models: Rows = None) -> Figure:
    """Receptive field on the timestamp tasks."""
    return grouped_bars(_beside(rows, published(["fig5"])), title or "Receptive field")


def fig6(rows: Rows = None, title: str | None = None, models: Rows = None) -> Figure:
    """Embedding level by category of tasks, from the printed boxes."""
    return _printed("Fig6", rows, title or "Embedding level")


def fig7(rows: Rows = None, title: str | None = None, models: Rows = None) -> Figure:
    """Time resolution by category of tasks, from the printed boxes."""
    return _printed("Fig7", rows, title or "Time resolution")


def fig8(rows: Rows = None, title: str | None = None, models: Rows = None) -> Figure:
    """Beside single models."""
    found, notes = _by_median(_beside(rows, papers_rows(SINGLE)))
    return draw_boxes(found, title or "Beside single models", notes)


def fig9(rows: Rows = None, title: str | None = None, models: Rows = None) -> Figure:
    """Beside models of the challenge, sorted by their median over all tasks."""
    found, notes = _by_median(_beside(rows, papers_rows((*SINGLE, *CHALLENGE))))
    return draw_boxes(found, title or "Beside the challenge", notes)


def fig10(rows: Rows = None, title: str | None = None, models: Rows = None) -> Figure:
    """The base model and the best one on every task."""
    return grouped_bars(_beside(rows, published(["fig10"])), title or "Base and best")


def papers_rows(baselines: tuple[str, ...]) -> pd.DataFrame:
    """The paper's base and best model (read off Figure 10) and challenge models (exact), by the paper's names."""
    theirs = {paper: name for name, paper in PAPERS_NAMES.items()}
    exact = published([f"leaderboard:{theirs.get(name, name)}" for name in baselines])
    return pd.concat([published(["fig10"]), exact], ignore_index=True)


def printed_boxes(figure: str) -> pd.DataFrame:
    """The boxes of Fig6 to Fig9 as `draw_boxes` wants them, with means where `category_means` has them."""
    found = boxes().query("figure == @figure")
    means = category_means().query("figure == @figure").drop(columns=["source", "tolerance", "all"])
    means = means.melt(["figure", "model"], var_name="category", value_name="mean")
    found = found.merge(means, on=["figure", "model", "category"], how="left")
    marked = READ_OFF_MARK + found["model"] + PUBLISHED_MARK
    return found.assign(name=found["model"], model=marked, count=float("nan"), published=True, untrained=False)


def _printed(figure: str, rows: pd.DataFrame | None, title: str) -> Figure:
    """Measured boxes, and the printed ones beside."""
    found = printed_boxes(figure)
    source, tolerance = found["source"].iloc[0], found["tolerance"].iloc[0]
    notes = [
        f"{PUBLISHED_MARK} published, not measured here: {source}.",
        f"{READ_OFF_MARK} read off a figure: within {tolerance:g} of the value that was drawn.",
    ]
    if rows is not None and len(rows):
        rows = rows[~is_published(rows)]
        found = pd.concat([box_statistics(scores_of(rows)), found], ignore_index=True)
        notes = notes_on(rows) + notes
    return draw_boxes(found, title, notes)


def _beside(rows: pd.DataFrame | None, references: pd.DataFrame) -> pd.DataFrame:
    """Measured rows, then the figure's published ones in place of any others."""
    if rows is None or rows.empty:
        return references
    return pd.concat([rows[~is_published(rows)], references], ignore_index=True)


def _by_median(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Boxes by the paper's names: measured models in front, then published ones by their median over all tasks.

    Beside them, the notes.
    """
    found = scores_of(rows)
    names = found["name"].replace(PAPERS_NAMES)
    read_off = found["tolerance"].notna().map({True: READ_OFF_MARK, False: ""})
    found = found.assign(name=names, model=found["model"].where(~found["published"], read_off + names + PUBLISHED_MARK))
    medians = box_statistics(found, whole=True).set_index("model")["median"]
    rank = [-medians[row.model] if row.published else float("-inf") for row in found.itertuples()]
    found = found.assign(rank=rank).sort_values("rank", kind="stable").drop(columns="rank")
    notes = notes_on(rows)
    if "wav2vec2" in set(names):
        notes.append(WAV2VEC2)
    return box_statistics(found), notes


PAPER: dict[str, Callable[..., Figure]] = {
    "fig4": fig4,
    "fig5": fig5,
    "fig6": fig6,
    "fig7": fig7,
    "fig8": fig8,
    "fig9": fig9,
    "fig10": fig10,
}
