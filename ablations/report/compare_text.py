"""Write comparisons as text: for a terminal, and as a Markdown file that documents can quote."""

from collections.abc import Sequence

import pandas as pd
from tabulate import tabulate

from ablations.report.compare import Compared, Pair, ranking_line
from results.scores.labels import UNTRAINED_NOTE, labels
from results.statistics.conditions import changes_shown, not_compared, shown
from results.statistics.ranks import Ranking
from results.statistics.statement import statement
from results.tables import escapes

VARIANCES = ("folds_variance", "seeds_variance", "rest_variance", "grid_variance")
METHOD = (
    "Difference: A less B, means over folds and seeds. Interval and p: swaps of the two models' outputs within "
    "independent units (groups such as speakers where the task has them, else clips); where both have several seeds, "
    "training's randomness is in them. They are of each comparison by itself. p (Holm) is corrected for the number "
    "of comparisons here that can reach {confidence:.0%} ({count}), and the verdict follows from it."
)
NEEDS_OPTION = "needs --all-metrics"
AGAINST_CLEAN = "Against clean sound, each model on the same test clips"
ON_CHANGED = (
    "Difference: under the conditions less clean, of one model. Interval and p: swaps of its outputs on both within "
    "independent units. p (Holm) is corrected for all lines of this table that can reach the level; models that share "
    "an embedding count once."
)
CHANGES = "What the conditions change in A and in B"
ON_CHANGES = (
    "Difference: A's change less B's, each under the conditions less clean. Interval and p: swaps of both outputs of A "
    "with both of B within independent units. p (Holm) is corrected for all lines of this table that can reach the "
    "level."
)


def to_text(compared: Compared, confidence: float = 0.95, *, markdown: bool = False, more: Sequence[str] = ()) -> str:
    """Write the comparisons of a run's models.

    Args:
        confidence: of the intervals.
        markdown: whether headings and tables are Markdown's.
        more: lines that come last.
    """
    write = _Writer(markdown)
    parts = _clips(compared.pairs, compared.clips, confidence, write) if compared.clips is not None else []
    if compared.conditions is not None:
        parts += [write.heading(AGAINST_CLEAN), write.table(shown(compared.conditions, confidence))]
        parts += ["\n".join(f"- {line}" for line in not_compared(compared.conditions)), ON_CHANGED]
    if compared.changes is not None:
        parts += [write.heading(CHANGES), write.table(changes_shown(compared.changes, confidence))]
        parts += ["\n".join(f"- {line}" for line in not_compared(compared.changes)), ON_CHANGES]
    if compared.tasks is not None and len(compared.tasks):
        parts += [write.heading("Over tasks, Wilcoxon (difference: median of a less b, more is better)")]
        parts += [write.table(compared.tasks.drop(columns="reason")), *_few_tasks(compared.tasks)]
    if compared.ranking is not None:
        parts += _ranking(compared.ranking, write)
    parts += [write.heading("Variance of scores"), write.table(_variance(compared.variance))]
    parts += [f"{note[0].upper()}{note[1:]}." for note in compared.notes]
    if compared.untrained:
        parts.append(UNTRAINED_NOTE)
    return "\n\n".join(part for part in [*parts, *more] if part)


class _Writer:
    """Headings and tables of one format."""

    def __init__(self, markdown: bool) -> None:
        self.markdown = markdown

    def heading(self, text: str) -> str:
        return f"## {text}" if self.markdown else f"{text}:"

    def table(self, frame: pd.DataFrame) -> str:
        cells = frame.astype(object).map(_cell)
        if self.markdown:
            cells = cells.map(escapes.markdown)
        align = ["right" if pd.api.types.is_numeric_dtype(frame[name]) else "left" for name in frame]
        form = "pipe" if self.markdown else "simple"
        rows = cells.to_numpy().tolist()
        return str(tabulate(rows, headers=list(frame), disable_numparse=True, colalign=align, tablefmt=form))


def _clips(pairs: Sequence[Pair], clips: pd.DataFrame, confidence: float, write: _Writer) -> list[str]:
    """Write what is established, a table a pair, the tasks that were not compared, and what the intervals leave out."""
    parts, of_pairs = [statement(clips, confidence)], dict(iter(clips.groupby(["a", "b"], sort=False)))
    for a, b in dict.fromkeys(pairs):
        lines = of_pairs.get((a, b), clips.iloc[:0]).drop_duplicates(["task", "metric"])
        parts.append(write.heading(f"A: {a}. B: {b}. On the same test clips"))
        if (lines["verdict"] != "not compared").any():
            parts.append(write.table(_shown(lines[lines["verdict"] != "not compared"], confidence)))
        if reasons := _reasons(lines):
            parts.append("\n".join(f"- {line}" for line in reasons))
    count = int(clips["p_holm"].notna().sum())
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
    """Say why differences are not established or compared, then what intervals leave out; a line for each reason."""
    texts = lines["reason"].where(~lines["reason"].str.startswith("no function"), NEEDS_OPTION)
    tasks = lines["task"] + " (" + lines["metric"] + ")"
    pairs = [(text, task) for text, task in zip(texts, tasks, strict=True) if text]
    pairs += [(note, task) for notes, task in zip(lines["notes"], tasks, strict=True) for note in notes.splitlines()]
    tasks_of: dict[str, list[str]] = {}
    for text, task in pairs:
        tasks_of.setdefault(text, []).append(task)
    return [
        f"{'all tasks' if 1 < len(names) == len(lines) else ', '.join(names)}: {text}."
        for text, names in tasks_of.items()
    ]


def _few_tasks(tasks: pd.DataFrame) -> list[str]:
    reasons = [reason for reason in tasks["reason"].unique() if reason]
    return [f"Not established over tasks: {'; '.join(reasons)}."] if reasons else []


def _ranking(ranking: Ranking, write: _Writer) -> list[str]:
    mean_ranks = ranking.ranks.rename("mean rank").rename_axis("model").reset_index()
    lines = [write.heading("All models over tasks"), ranking_line(ranking), write.table(mean_ranks)]
    if ranking.left_out:
        lines.append(f"Left out, without a score of every model: {', '.join(ranking.left_out)}.")
    return lines


def _variance(components: pd.DataFrame) -> pd.DataFrame:
    known = [name for name in VARIANCES if name in components and components[name].notna().any()]
    columns = ["model", "task", "mean", "folds", "seeds", *known]
    table = components.assign(model=labels(components))[columns]
    return table.rename(columns=lambda name: name.replace("_variance", " variance"))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:.3g}"
    return escapes.printable(value)
