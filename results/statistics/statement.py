"""Say in plain English what comparisons of models establish, and what they do not."""

from collections.abc import Collection, Iterable

import pandas as pd

from results.scores.normalize import LOWER_IS_BETTER
from results.statistics.numeric import SPREAD
from results.statistics.ranks import DIFFER, NOT_ESTABLISHED
from results.statistics.versus import NO_GROUPS, NOT_COMPARED, ONE_SEED, SAME

NOTHING = "No models were compared."
NEEDED = (
    *("a", "b", "task", "metric", "difference", "low", "high", "p_holm"),
    *("clips", "groups", "verdict", "reason", "notes"),
)
MOST_CLAUSES = 4
"""Differences, or reasons, that a sentence names; the others are counted."""
MOST_TASKS = 3
"""Tasks of one pair that are named with their differences; more are counted, with the range of the differences."""
LONGEST_REASON = 100
MOST_NAMED = 2
"""Differences that are not established, and reasons against comparisons, that a brief statement names."""


def statement(comparisons: pd.DataFrame, confidence: float | None = None, *, brief: bool = False) -> str:
    """State what is established, what is not, and what the intervals leave out, in one to three sentences.

    Args:
        comparisons: the table of `results.statistics.versus.comparisons`, or rows of it.
        confidence: that the table was made with; None takes it from the table, which knows it unless it was read from
            a file, and else 0.95.
        brief: whether comparisons without an established difference are counted where they, or the reasons against
            them, are many.

    Raises:
        ValueError: for another table, or one whose verdicts are of another confidence.
    """
    if missing := [name for name in NEEDED if name not in comparisons]:
        raise ValueError(f"expected the table of results.compare, got one without {', '.join(missing)}")
    lines = comparisons.drop_duplicates(["a", "b", "task", "metric"])
    lines = lines[lines["reason"] != SAME]  # of one embedding there is nothing to say
    if lines.empty:
        return NOTHING
    known = comparisons.attrs.get("confidence", 0.95)
    confidence = known if confidence is None else confidence
    _check_confidence(lines, confidence)
    corrected = int(comparisons.attrs.get("corrected", lines["p_holm"].notna().sum()))
    verdicts = {verdict: lines[lines["verdict"] == verdict] for verdict in (DIFFER, NOT_ESTABLISHED, NOT_COMPARED)}
    if len(verdicts[NOT_COMPARED]) == len(lines):
        return f"{NOTHING.removesuffix('.')}: {_because(lines)}."
    level = f"{100 * confidence:g}%" + (f", corrected for {corrected} comparisons" if corrected > 1 else "")
    others = {name: _by_reason(verdicts[name]) for name in (NOT_ESTABLISHED, NOT_COMPARED)}
    if verdicts[DIFFER].empty:
        few = _too_few(lines[lines["p_holm"].notna()], corrected, confidence)
        first = f"no difference {'can be' if few or not corrected else 'is'} established at {level}{few}: "
        first += others.pop(NOT_ESTABLISHED)
    else:
        interval = f"brackets: the {100 * confidence:g}% interval of each by itself"
        first = f"established ({level}; {interval}): {_established(verdicts[DIFFER], lines)}"
        if brief:
            not_compared = verdicts[NOT_COMPARED]
            if (count := len(verdicts[NOT_ESTABLISHED])) > MOST_NAMED:
                others[NOT_ESTABLISHED] = f"{count} of {len(lines)} comparisons"
            if _short(not_compared["reason"]).nunique() > MOST_NAMED:
                others[NOT_COMPARED] = f"{len(not_compared)} of {len(lines)} comparisons"
    second = "; ".join(f"{name}: {clauses}" for name, clauses in others.items() if clauses)
    sentences = [first, second, _left_out(lines[lines["p_holm"].notna()])]
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences if sentence)


def _check_confidence(lines: pd.DataFrame, confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, such as 0.95, got {confidence!r}")
    differ = lines["p_holm"].astype(float) <= 1 - confidence + 1e-12
    if (differ != (lines["verdict"] == DIFFER)).any():
        raise ValueError(f"the verdicts of the comparisons are not those of confidence {confidence:g}")


def _too_few(tested: pd.DataFrame, corrected: int, confidence: float) -> str:
    """Name the number of independent units if it is too small for so many comparisons; empty where it is not.

    The smallest p of n units is 2 / 2^n; Holm multiplies it by the number of comparisons.
    """
    units = tested["groups"].fillna(tested["clips"]).astype(float)
    if not len(units) or (2.0 ** (1 - units) * corrected <= 1 - confidence + 1e-12).any():
        return ""
    kind = "groups" if tested["groups"].notna().all() else "clips or groups"
    return f", with {units.max():.0f} independent {kind}"


def _established(differing: pd.DataFrame, lines: pd.DataFrame) -> str:
    """Name the differences that are established, the better model first."""
    clauses = []
    for (better, worse), rows in _better_first(differing).groupby(["better", "worse"], sort=False):
        compared = lines[lines["a"].isin((better, worse)) & lines["b"].isin((better, worse))]
        clauses.append(_difference(str(better), str(worse), rows, compared["task"].nunique()))
    return _listed(clauses, "more pairs")


def _better_first(differing: pd.DataFrame) -> pd.DataFrame:
    """Add columns better and worse (models), by, least and most (absolute difference with its interval)."""
    a_is_larger = differing["difference"] > 0
    a_is_better = a_is_larger != differing["metric"].isin(LOWER_IS_BETTER)
    return differing.assign(
        better=differing["a"].where(a_is_better, differing["b"]),
        worse=differing["b"].where(a_is_better, differing["a"]),
        by=differing["difference"].abs(),
        least=differing["low"].where(a_is_larger, -differing["high"]),
        most=differing["high"].where(a_is_larger, -differing["low"]),
    )


def _difference(better: str, worse: str, rows: pd.DataFrame, tasks: int) -> str:
    """Say on which tasks, and by how much, a model is better than another."""
    if len(rows) > MOST_TASKS:
        by = f"by {_number(rows['by'].min())} to {_number(rows['by'].max())}"
        return f"{better} better than {worse} on {len(rows)} of {tasks} tasks, {by}"
    parts = []
    for row in rows.itertuples():
        less = f" ({row.metric}, less is better)" if row.metric in LOWER_IS_BETTER else ""
        parts.append(f"on {row.task}{less} by {_number(row.by)} [{_number(row.least)}, {_number(row.most)}]")
    return f"{better} better than {worse} {_joined(parts)}"


def _by_reason(lines: pd.DataFrame) -> str:
    """Name the differences that are not established, or were not compared, by reason."""
    reasons = lines.groupby(_short(lines["reason"]), sort=False)
    clauses = [f"{_subjects(rows)}{f' ({reason})' if reason else ''}" for reason, rows in reasons]
    return _listed(clauses, "more reasons")


def _subjects(lines: pd.DataFrame) -> str:
    """Name pairs and their tasks; pairs of the same first model and the same tasks stand together."""
    tasks_of = lines.groupby(["a", "b"], sort=False)["task"].agg(lambda tasks: tuple(dict.fromkeys(tasks)))
    pairs = tasks_of.reset_index(name="tasks")
    parts = []
    for (a, tasks), rows in pairs.groupby(["a", "tasks"], sort=False):
        others, rest = _first(list(rows["b"]))
        named = [*others, *([f"{rest} more"] if rest else [])]
        parts.append(f"{a} against {_joined(named)} on {_tasks(tasks)}")
    return _listed(parts, "more groups of pairs", ", ")


def _tasks(tasks: Collection[str]) -> str:
    return _joined(tasks) if len(tasks) <= MOST_TASKS else f"{len(tasks)} tasks"


def _left_out(tested: pd.DataFrame) -> str:
    """Say what no interval contains: chance in training, and what clips have in common."""
    notes = {note for text in tested["notes"] for note in text.splitlines()}
    parts = ["leave out chance in training (one seed)"] if ONE_SEED in notes else []
    if NO_GROUPS in notes:
        parts.append("take clips as independent (groups such as speakers are not recorded)")
    elif tested["groups"].isna().any():
        parts.append("take clips as independent")
    if SPREAD in notes:
        parts.append("take the spread of a regression task's targets as it is")
    return f"the intervals {' and '.join(parts)}" if parts else ""


def _because(lines: pd.DataFrame) -> str:
    return _listed(list(dict.fromkeys(filter(None, _short(lines["reason"])))) or ["no reason is known"], "more reasons")


def _short(reasons: pd.Series) -> pd.Series:
    """Shorten the reasons of comparisons to what a sentence can hold."""
    texts = reasons.str.replace(r" for [\d.]+%$", "", regex=True)
    texts = texts.str.replace(r"^no function for (\S+); .*", r"\1 is compared only where it is asked for", regex=True)
    return texts.where(texts.str.len() <= LONGEST_REASON, texts.str[: LONGEST_REASON - 1] + "…")


def _listed(clauses: list[str], others: str, mark: str = "; ") -> str:
    named, rest = _first(clauses)
    return mark.join([*named, *([f"and {rest} {others}"] if rest else [])])


def _first(texts: list[str]) -> tuple[list[str], int]:
    """The texts that are named, and how many are not: no single one is left out, as its name is as short."""
    named = texts[: MOST_CLAUSES if len(texts) > MOST_CLAUSES + 1 else None]
    return named, len(texts) - len(named)


def _joined(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _number(value: float) -> str:
    """Write a number to three decimals, or to its first digit where these are all zeros."""
    text = f"{value:.3f}"
    return f"{value:.1g}" if value and not float(text) else text
