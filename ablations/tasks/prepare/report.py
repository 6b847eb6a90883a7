"""What a task is made of, as tables: splits, balance of labels, findings."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from ablations.tasks.prepare.checks import KINDS, Finding
from ablations.tasks.prepare.clips import Clip
from ablations.tasks.prepare.listing import Entry
from results.tables.escapes import markdown, markdown_table

SPREAD = "spread: the difference of its largest and smallest share of a split's files, in percentage points"
SHOWN = 20  # labels and findings of a kind that are printed; report.md has all


@dataclass(frozen=True)
class Report:
    """The report of a task that was made, or refused.

    Attributes:
        facts: name -> value, of the whole task.
        splits: a row a split: files, groups, hours, events.
        balance: a row a label: files of it in each split.
        findings: whether they stopped the task or not.
    """

    facts: Mapping[str, str]
    splits: pd.DataFrame
    balance: pd.DataFrame
    findings: tuple[Finding, ...]

    def text(self, shown: int | None = None) -> str:
        """As Markdown; `shown` bounds the rows of labels and of each kind of findings."""
        facts = [f"- {name}: {markdown(value)}" for name, value in self.facts.items()]
        parts = [f"# {markdown(self.facts['task'])}", "\n".join(facts)]
        parts += ["## Splits", markdown_table(self.splits, index=False, floatfmt=".4g")]
        rows = self.balance if shown is None else self.balance.head(shown)
        parts += ["## Files of each label", SPREAD, markdown_table(rows, index=False, disable_numparse=[0])]
        parts += _more(len(self.balance) - len(rows), "labels")
        parts += ["## Findings"] + ([] if self.findings else ["None."])
        for kind, texts in self.by_kind().items():
            parts.append(f"{kind} ({KINDS[kind].what}): {len(texts)}")
            parts.append("\n".join(f"- {markdown(text)}" for text in texts[:shown]))
            parts += _more(len(texts) - len(texts[:shown]), "findings")
        return "\n\n".join(parts) + "\n"

    def by_kind(self) -> dict[str, list[str]]:
        """Kind -> texts of its findings, those that stop a task first."""
        order = [kind for kind in KINDS if any(finding.kind == kind for finding in self.findings)]
        return {kind: [finding.text for finding in self.findings if finding.kind == kind] for kind in order}

    def files(self) -> dict[str, bytes]:
        """report.md and report.json: name -> content."""
        value = {
            "facts": dict(self.facts),
            "splits": json.loads(self.splits.to_json(orient="records")),
            "labels": json.loads(self.balance.to_json(orient="records")),
            "findings": [asdict(finding) for finding in self.findings],
        }
        return {"report.md": self.text().encode(), "report.json": (json.dumps(value, indent=1) + "\n").encode()}


def _more(count: int, what: str) -> list[str]:
    return [f"... and {count} more {what}"] if count > 0 else []


def split_table(splits: Sequence[str], entries: Sequence[Entry], clips: Mapping[str, Clip], groups) -> pd.DataFrame:
    """A row a split: files, groups, seconds of sound, and events where there are any.

    Args:
        groups: (entries,) numbers of what belongs together.
    """
    rows = []
    for split in splits:
        there = [i for i, entry in enumerate(entries) if entry.split == split]
        row = {
            "split": split,
            "files": len(there),
            "groups": len({int(groups[i]) for i in there}),
            "seconds": sum(clips[entries[i].file].seconds for i in there),
        }
        if any(entry.events for entry in entries):
            row["events"] = sum(len(entries[i].events) for i in there)
        rows.append(row)
    return pd.DataFrame(rows)


def label_counts(labels: Sequence[str], splits: Sequence[str], entries: Sequence[Entry]) -> np.ndarray:
    """(labels, splits) files that have the label."""
    counts = Counter((label, entry.split) for entry in entries for label in entry.labels)
    return np.array([[counts[label, split] for split in splits] for label in labels], dtype=np.int64)


def balance_table(
    labels: Sequence[str], splits: Sequence[str], counts: np.ndarray, files: Sequence[int]
) -> pd.DataFrame:
    """A row a label, with its files in each split and how unevenly they are spread.

    `spread` is the difference of its largest and smallest share of a split's files, in percentage points.
    """
    table = pd.DataFrame(counts, columns=list(splits))
    table.insert(0, "label", list(labels))
    table["all"] = counts.sum(axis=1)
    shares = 100 * counts / np.maximum(np.asarray(files), 1)
    table["spread"] = np.round(shares.max(axis=1) - shares.min(axis=1), 1)
    return table
