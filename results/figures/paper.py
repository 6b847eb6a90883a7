"""Figures 4 to 10 of Koutini et al. 2022: from published scores alone, or with measured ones beside.

Each takes the rows of a run of its study in ablations/study/paper, or none, a title, and the keywords of
`results.figures.canvas.frame.Options`; `models` is not needed. One note says where published scores are from.
Figures 6 and 7 are published as boxes only. In Figures 8 to 10 scores are known task by task: those of the paper's own
models as read off Figure 10, the others' exactly.
"""

from collections.abc import Callable
from typing import Unpack

import pandas as pd
from matplotlib.figure import Figure

from results.figures.boxes import box_statistics, draw_boxes, explained
from results.figures.canvas.colors import colored
from results.figures.canvas.frame import Options, drawn, ordered, spread_note
from results.figures.canvas.sources import published_note
from results.figures.grouped import grouped_bars
from results.reference.published import boxes, category_means, is_published, published
from results.scores.labels import terms
from results.scores.notes import notes as notes_on_rows
from results.scores.scores import Rows, Scored, scores

PAPERS_NAMES = {
    "GURA Fuse Cat H+w+C": "Fuse Cat XWC",
    "GURA Cat H+w+C": "Cat XWC",
    "Logitech AI SERAB BYOL-S": "SERAB BYOL-S",
    "RedRice EfficientNet-B2": "EfficientNet-B2",
    "CVSSP PANNS": "PANNs",
}
"""The leaderboard's names of models that the paper calls otherwise."""
ONE_SET = "paper"
"""The set of everything that a figure of the paper draws, whatever file it is from."""
SINGLE = ("OpenL3", "wav2vec2", "PANNs")
CHALLENGE = ("SERAB BYOL-S", "EfficientNet-B2", "CREPE", "Fuse Cat XWC")
WAV2VEC2 = "wav2vec2 on general tasks: its leaderboard scores; the paper's box is as if FSD50K were .117, not .342."


def fig4(
    rows: Rows | None = None,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    **options: Unpack[Options],
) -> Figure:
    """Draw Figure 4: embedding level on the timestamp tasks."""
    return _bars(_beside(rows, published(["fig4"])), title or "Embedding level", options)


def fig5(
    rows: Rows | None = None,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    **options: Unpack[Options],
) -> Figure:
    """Draw Figure 5: receptive field on the timestamp tasks."""
    return _bars(_beside(rows, published(["fig5"])), title or "Receptive field", options)


def fig6(
    rows: Rows | None = None,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    **options: Unpack[Options],
) -> Figure:
    """Draw Figure 6: embedding level by category of tasks, from the printed boxes."""
    return _printed("Fig6", rows, title or "Embedding level", options)


def fig7(
    rows: Rows | None = None,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    **options: Unpack[Options],
) -> Figure:
    """Draw Figure 7: time resolution by category of tasks, from the printed boxes."""
    return _printed("Fig7", rows, title or "Time resolution", options)


def fig8(
    rows: Rows | None = None,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    **options: Unpack[Options],
) -> Figure:
    """Draw Figure 8: beside single models."""
    return _by_median(_beside(rows, papers_rows(SINGLE)), title or "Beside single models", options)


def fig9(
    rows: Rows | None = None,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    **options: Unpack[Options],
) -> Figure:
    """Draw Figure 9: beside models of the challenge, sorted by their median over all tasks."""
    return _by_median(_beside(rows, papers_rows((*SINGLE, *CHALLENGE))), title or "Beside the challenge", options)


def fig10(
    rows: Rows | None = None,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    **options: Unpack[Options],
) -> Figure:
    """Draw Figure 10: the base model and the best one on every task."""
    return _bars(_beside(rows, published(["fig10"])), title or "Base and best", options)


def papers_rows(baselines: tuple[str, ...]) -> pd.DataFrame:
    """Give the paper's base and best model (read off Figure 10) and challenge models (exact)."""
    theirs = {paper: name for name, paper in PAPERS_NAMES.items()}
    exact = published([f"leaderboard:{theirs.get(name, name)}" for name in baselines])
    return pd.concat([published(["fig10"]), exact], ignore_index=True)


def printed_boxes(figure: str) -> pd.DataFrame:
    """Give the boxes of Fig6 to Fig9 as `draw_boxes` takes them, with means where `category_means` has them."""
    printed = boxes().query("figure == @figure")
    means = category_means().query("figure == @figure").drop(columns=["source", "tolerance", "all"])
    means = means.melt(["figure", "model"], var_name="category", value_name="mean")
    printed = printed.merge(means, on=["figure", "model", "category"], how="left")
    return printed.assign(set=ONE_SET, count=float("nan"), published=True, untrained=False, read_off=True)


def _printed(figure: str, rows: Rows | None, title: str, options: Options) -> Figure:
    """Draw measured boxes, and the printed ones beside."""
    printed, below = printed_boxes(figure), []
    both, measured = printed, _measured(rows)
    if measured is not None:
        below = notes_on_rows(measured.rows, protocol=False)
        both = pd.concat([box_statistics(measured.scores), printed], ignore_index=True)
    specs = both["spec"].fillna("") if measured is not None else ""
    both = both.assign(color=colored(both.assign(spec=specs), options.get("palette")))
    return _boxes(both, title, below, published_note(printed, marked=measured is not None), options)


def _by_median(rows: Scored, title: str, options: Options) -> Figure:
    """Draw boxes by the paper's names: measured models in front, then published ones by their median over all tasks."""
    lines, _ = drawn(rows, options.get("palette"))
    sets = lines["set"].where(~lines["published"], ONE_SET)
    lines = lines.assign(model=lines["model"].replace(PAPERS_NAMES), set=sets)
    medians = box_statistics(lines, whole=True).set_index(["model", "set"])["median"].rename("median")
    order = -lines.join(medians, on=["model", "set"])["median"].where(lines["published"], float("inf"))
    boxes_drawn = box_statistics(lines.loc[order.sort_values(kind="stable").index])
    below, note = _notes(rows)
    if "wav2vec2" in set(lines["model"]):
        note += f" {WAV2VEC2}"
    return _boxes(boxes_drawn, title, below, note, options)


def _bars(rows: Scored, title: str, options: Options) -> Figure:
    """Draw bars, with one note on what is published."""
    below, note = _notes(rows)
    measured = rows.scores[~rows.scores["published"]]
    lines = [*spread_note(measured), *below, " ".join([note, *terms(rows.scores["model"])])]
    return grouped_bars(
        rows,
        title,
        notes=lines if options.get("notes", True) else False,
        statement=options.get("statement", ""),
        palette=options.get("palette"),
        order=options.get("order"),
        ax=options.get("ax"),
    )


def _boxes(boxes_drawn: pd.DataFrame, title: str, below: list[str], note: str, options: Options) -> Figure:
    """Draw boxes in the order of the options, with one note on what is published."""
    if (order := options.get("order")) is not None:
        boxes_drawn = ordered(boxes_drawn.assign(label=boxes_drawn["model"], checkpoint=""), order)
    lines = [*below, " ".join([note, *terms(boxes_drawn["model"]), explained(boxes_drawn)])]
    lines = lines if options.get("notes", True) else []
    return draw_boxes(boxes_drawn, title, lines, statement=options.get("statement", ""), ax=options.get("ax"))


def _notes(rows: Scored) -> tuple[list[str], str]:
    """List what to know of measured rows, and say in one note what to know of published ones."""
    measured = _measured(rows)
    below = [] if measured is None else notes_on_rows(measured.rows, protocol=False)
    return below, published_note(rows.rows[is_published(rows.rows)], marked=measured is not None)


def _measured(rows: Rows | None) -> Scored | None:
    """Leave out published rows and their scores; None where nothing is left."""
    if rows is None:
        return None
    scored = Scored.of(rows)
    measured = Scored(scored.rows[~is_published(scored.rows)], scored.scores[~scored.scores["published"]])
    return None if measured.rows.empty else measured


def _beside(rows: Rows | None, references: pd.DataFrame) -> Scored:
    """Set the figure's published rows beside the measured ones, in place of any others."""
    measured = _measured(rows)
    if measured is None:
        return Scored.of(references)
    both = pd.concat([measured.rows, references], ignore_index=True)
    return Scored(both, scores(both))


PAPER: dict[str, Callable[..., Figure]] = {
    "fig4": fig4,
    "fig5": fig5,
    "fig6": fig6,
    "fig7": fig7,
    "fig8": fig8,
    "fig9": fig9,
    "fig10": fig10,
}
