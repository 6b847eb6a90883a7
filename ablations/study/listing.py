"""The table of what is packaged: studies, those of the paper, and searches."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ablations.study.study import FOLDERS, Study

SEARCHES = Path(__file__).parents[1] / "search" / "searches"
COLUMNS = ("name", "kind", "models", "tasks", "figure", "task_names", "description")
KINDS = ("study", "paper", "search")


def studies_table() -> pd.DataFrame:
    """List the packaged studies and searches, a row each.

    Returns:
        The columns name, kind (study, paper or search), models and tasks (how many; of a search, its trials stand for
        models), figure, task_names (a tuple), description (the comment that its file begins with).
    """
    kinds = zip((*FOLDERS, SEARCHES), KINDS, strict=True)
    rows = [_row(path, kind) for folder, kind in kinds for path in sorted(folder.glob("*.yaml"))]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def selected(
    table: pd.DataFrame, patterns: Sequence[str] = (), *, kind: str | None = None, task: str | None = None
) -> pd.DataFrame:
    """The rows of a table of studies that fit all conditions.

    Args:
        table: what `studies_table` gave.
        patterns: a whole name, or parts of names and descriptions, in any case; one has to be there.
        kind: the value of that column.
        task: a task that has to be among the study's.
    """
    fits = pd.Series(True, index=table.index)
    if patterns:
        names, texts = table["name"].str.lower(), (table["name"] + " " + table["description"]).str.lower()
        any_fits = pd.Series(False, index=table.index)
        for pattern in (pattern.lower().strip("*") for pattern in patterns):
            exact = names == pattern
            any_fits |= exact if exact.any() else texts.str.contains(pattern, regex=False)
        fits &= any_fits
    if kind:
        fits &= table["kind"] == kind
    if task:
        fits &= table["task_names"].map(lambda names: task in names)
    return table[fits]


def to_lines(table: pd.DataFrame) -> Iterator[list[str]]:
    """The rows of a table of studies as texts."""
    for row in table.itertuples():
        about = row.description.partition(". ")[0]
        yield [row.name, row.kind, f"{row.models} x {row.tasks}", row.figure, about]


def _row(path: Path, kind: str) -> dict[str, Any]:
    """Describe one file."""
    text = path.read_text(encoding="utf-8")
    described = {"name": path.stem, "kind": kind, "description": _comment(text)}
    if kind == "search":
        content = yaml.safe_load(text)
        names = tuple(content["tasks"])
        return described | {
            "models": content.get("trials", "?"),
            "tasks": len(names),
            "figure": "",
            "task_names": names,
        }
    study = Study.load(path)
    sizes = {"models": len(study.models), "tasks": len(study.tasks)}
    return described | sizes | {"figure": study.figure, "task_names": study.tasks}


def _comment(text: str) -> str:
    """The comment that a file begins with."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return " ".join(" ".join(lines).split())
