"""Comparisons as text: for a terminal, and as a Markdown file that documents can quote."""

from collections.abc import Sequence

import pandas as pd
from tabulate import tabulate

from ablations.report.compare import Compared, ranking_line
from results.scores.scores import UNTRAINED_MARK, UNTRAINED_NOTE
from results.statistics.ranks import Ranking
from results.tables import escapes

VARIANCES = ("folds_variance", "seeds_variance", "rest_variance", "grid_variance")
METHOD = (
    "Difference: A less B, means over folds and seeds. Interval and p: swaps of the two models' outputs within "
    "independent units (groups such as speakers where the task has them, else clips); where both have several seeds, "
    "training's randomness is in them. They are of each comparison by itself. p (Holm) is corrected for the number "
    "of comparisons here that can reach {confidence:.0%} ({count}), and the verdict follows from it."
)
NEEDS_OPTION = "needs --all-metrics"


def to_text(found: Compared, confidence: float = 0.95, *, markdown: bool = False, more: Sequence[str] = ()) -> str:
    """What was compared.

    Args:
        markdown: with headings and tables of Markdown. more: lines that come last.
    """
    write = _Writer(markdown)
    parts = _clips(found, confidence, write) if found.clips is not None else []
    if found.tasks is not None and len(found.tasks):
        parts += [write.heading("Over tasks, Wilcoxon (difference: median of a less b, more is better)")]
        parts += [write.table(found.tasks.drop(columns="reason")), *_few_tasks(found.tasks)]
    if found.ranking is not None:
        parts += _ranking(found.ranking, write)
    parts += [write.heading("Variance of scores"), write.table(_variance(found.variance))]
    parts += [f"{note[0].upper()}{note[1:]}." for note in found.notes]
    if any(UNTRAINED_MARK in part for part in parts):
        parts.append(UNTRAINED_NOTE)
    return "\n\n".join([*parts, *more])


class _Writer:
    """Headings and tables of one format."""

    def __init__(self, markdown: bool) -> None:
        self.markdown = markdown

    def heading(self, text: str) -> str:
        return f"## {text}" if self.markdown else f"{text}:"

    def table(self, found: pd.DataFrame) -> str:
        cells = found.astype(object).map(_cell)
        if self.markdown:
            cells = cells.map(escapes.markdown)
        align = ["right" if pd.api.types.is_numeric_dtype(found[name]) else "left" for name in found]
        form = "pipe" if self.markdown else "simple"
        rows = cells.to_numpy().tolist()
        return tabulate(rows, headers=list(found), disable_numparse=True, colalign=align, tablefmt=form)


def _clips(found: Compared, confidence: float, write: _Writer) -> list[str]:
    """A table a pair, with what was not compared, and what the intervals leave out."""
    parts = []
    for a, b in dict.fromkeys(found.pairs):
        lines = found.clips[(found.clips["a"] == a) & (found.clips["b"] == b)].drop_duplicates(["task", "metric"])
        parts.append(write.heading(f"A: {a}. B: {b}. On the same test clips"))
        if (lines["verdict"] != "not compared").any():
            parts.append(write.table(_shown(lines[lines["verdict"] != "not compared"], confidence)))
        if reasons := _reasons(lines):
            parts.append("\n".join(f"- {line}" for line in reasons))
    count = int(found.clips["p_holm"].notna().sum())
    return [*parts, METHOD.format(count=count, confidence=confidence)]


def _shown(lines: pd.DataFrame, confidence: float) -> pd.DataFrame:
    shown = pd.DataFrame({"task": lines["task"], "metric": lines["metric"]})
    for name in ("a", "b"):
        shown[name.upper()] = lines[f"score_{name}"].map("{:.3f}".format)
    shown["difference"] = lines["difference"].map("{:+.3f}".format)
    pairs = zip(lines["low"], lines["high"], strict=True)
    shown[f"{confidence:.0%} interval"] = ["–" if pd.isna(low) else f"[{low:+.3f}, {high:+.3f}]" for low, high in pairs]
    shown["p"], shown["p (Holm)"] = lines["p"].astype(float), lines["p_holm"].astype(float)
    for name in ("clips", "groups"):
        shown[name] = lines[name].map(lambda number: "–" if pd.isna(number) else f"{number:.0f}")
    return shown.assign(seeds=lines["seeds"], verdict=lines["verdict"])


def _reasons(lines: pd.DataFrame) -> list[str]:
    """Why differences are not established or not compared, then what the intervals leave out; tasks of one together."""
    texts = lines["reason"].where(~lines["reason"].str.startswith("no function"), NEEDS_OPTION)
    tasks = lines["task"] + " (" + lines["metric"] + ")"
    pairs = [(text, task) for text, task in zip(texts, tasks, strict=True) if text]
    pairs += [(note, task) for notes, task in zip(lines["notes"], tasks, strict=True) for note in notes.splitlines()]
    of_text: dict[str, list[str]] = {}
    for text, task in pairs:
        of_text.setdefault(text, []).append(task)
    return [f"{'all tasks' if 1 < len(of) == len(lines) else ', '.join(of)}: {text}." for text, of in of_text.items()]


def _few_tasks(tasks: pd.DataFrame) -> list[str]:
    reasons = [reason for reason in tasks["reason"].unique() if reason]
    return [f"Not established over tasks: {'; '.join(reasons)}."] if reasons else []


def _ranking(ranking: Ranking, write: _Writer) -> list[str]:
    mean_ranks = ranking.ranks.rename("mean rank").rename_axis("model").reset_index()
    lines = [write.heading("All models over tasks"), ranking_line(ranking), write.table(mean_ranks)]
    if ranking.left_out:
        lines.append(f"Left out, without a score of every model: {', '.join(ranking.left_out)}.")
    return lines


def _variance(found: pd.DataFrame) -> pd.DataFrame:
    known = [name for name in VARIANCES if name in found and found[name].notna().any()]
    columns = ["model", "task", "mean", "folds", "seeds", *known]
    return found[columns].rename(columns=lambda name: name.replace("_variance", " variance"))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:.3g}"
    return escapes.printable(value)
