"""The report on a task: facts, splits, balance of labels, findings."""

import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ablations.tasks.prepare.checks import KINDS, Finding
from ablations.tasks.prepare.clips import Clip
from ablations.tasks.prepare.folder import write_bytes
from ablations.tasks.prepare.listing import Entry, Listing
from results.tables.escapes import markdown, markdown_table

SPREAD = "spread: the difference of its largest and smallest share of a split's files, in percentage points"
SHOWN = 20  # number of labels, and of findings of a kind, that a terminal shows; report.md has all


@dataclass(frozen=True)
class Report:
    """The report on a task, whether it is made or not.

    Attributes:
        facts: name -> value, for the whole task.
        splits: a row a split: files, groups, seconds, events.
        balance: a row a label: number of its files in each split; empty for a regression task.
        findings: everything that is wrong.
        targets: of a regression task, a row a split: how its targets are distributed.
    """

    facts: Mapping[str, str]
    splits: pd.DataFrame
    balance: pd.DataFrame
    findings: tuple[Finding, ...]
    targets: pd.DataFrame | None = None

    def text(self, shown: int | None = None) -> str:
        """The report in Markdown, with at most `shown` labels and findings of a kind; None for all."""
        facts = [f"- {name}: {markdown(value)}" for name, value in self.facts.items()]
        parts = [f"# {markdown(self.facts['task'])}", "\n".join(facts)]
        parts += ["## Splits", markdown_table(self.splits, index=False, floatfmt=".4g")]
        if self.targets is not None:
            parts += ["## Targets", markdown_table(self.targets, index=False, floatfmt=".4g", disable_numparse=[0])]
        else:
            rows = self.balance if shown is None else self.balance.head(shown)
            parts += ["## Files of each label", SPREAD, markdown_table(rows, index=False, disable_numparse=[0])]
            parts += _more(len(self.balance) - len(rows), "labels")
        parts += ["## Findings"] + ([] if self.findings else ["None."])
        for kind, texts in self.by_kind().items():
            parts.append(f"{kind} ({KINDS[kind].description}): {len(texts)}")
            parts.append("\n".join(f"- {markdown(text)}" for text in texts[:shown]))
            parts += _more(len(texts) - len(texts[:shown]), "findings")
        return "\n\n".join(parts) + "\n"

    def by_kind(self) -> dict[str, list[str]]:
        """Kind -> texts of its findings; kinds that stop a task come first."""
        order = [kind for kind in KINDS if any(finding.kind == kind for finding in self.findings)]
        return {kind: [finding.text for finding in self.findings if finding.kind == kind] for kind in order}

    def files(self) -> dict[str, bytes]:
        """The content of report.md and report.json, by their names."""
        value = {
            "facts": dict(self.facts),
            "splits": json.loads(self.splits.to_json(orient="records")),
            "labels": json.loads(self.balance.to_json(orient="records")),
            "findings": [asdict(finding) for finding in self.findings],
        }
        if self.targets is not None:
            value["targets"] = json.loads(self.targets.to_json(orient="records"))
        return {"report.md": self.text().encode(), "report.json": (json.dumps(value, indent=1) + "\n").encode()}

    def write_beside(self, listing: Path) -> None:
        """Write both files beside a list, under its name."""
        for name, content in self.files().items():
            write_bytes(listing.with_suffix(f".{name}"), content)


def _more(count: int, noun: str) -> list[str]:
    return [f"... and {count} more {noun}"] if count > 0 else []


def split_table(
    splits: Sequence[str], entries: Sequence[Entry], clips: Mapping[str, Clip], groups: np.ndarray
) -> pd.DataFrame:
    """The table of splits: files, groups, seconds of sound, and events if there are any.

    Args:
        splits: names of the splits.
        entries: the files with their splits.
        clips: file -> its decoded clip.
        groups: (entries,) group numbers.
    """
    rows = []
    for split in splits:
        places = [place for place, entry in enumerate(entries) if entry.split == split]
        row: dict[str, Any] = {
            "split": split,
            "files": len(places),
            "groups": len({int(groups[place]) for place in places}),
            "seconds": sum(clips[entries[place].file].seconds for place in places),
        }
        if any(entry.events for entry in entries):
            row["events"] = sum(len(entries[place].events) for place in places)
        rows.append(row)
    return pd.DataFrame(rows)


def label_counts(labels: Sequence[str], splits: Sequence[str], entries: Sequence[Entry]) -> np.ndarray:
    """(labels, splits) number of files that have the label."""
    counts = Counter((label, entry.split) for entry in entries for label in entry.labels)
    return np.array([[counts[label, split] for split in splits] for label in labels], dtype=np.int64)


def balance_table(
    labels: Sequence[str], splits: Sequence[str], counts: np.ndarray, files: Sequence[int]
) -> pd.DataFrame:
    """The table of labels: files in each split, and `spread`, how unevenly they lie.

    Args:
        labels: the vocabulary.
        splits: names of the splits.
        counts: (labels, splits) number of files that have the label.
        files: (splits,) number of files.
    """
    table = pd.DataFrame(counts, columns=list(splits))
    table.insert(0, "label", list(labels))
    table["all"] = counts.sum(axis=1)
    shares = 100 * counts / np.maximum(np.asarray(files), 1)
    table["spread"] = np.round(shares.max(axis=1) - shares.min(axis=1), 1)
    return table


def facts_of(name: str, listing: Listing, clips: Sequence[Clip], rates: Sequence[int], seed: int) -> dict[str, str]:
    """What holds for the whole task: kind, size, lengths, sample rates, and splits.

    Args:
        name: of the task folder.
        listing: the list.
        clips: the decoded clips of the task.
        rates: sample rates of the task in Hz.
        seed: seed of the splits that were drawn.
    """
    seconds = sorted(clip.seconds for clip in clips)
    median = statistics.median(seconds)
    left_out = len(listing.entries) - len(clips)
    file_rates = Counter(clip.rate for clip in clips)
    mixed_down = sum(clip.channels > 1 for clip in clips)
    drawn = f"drawn with seed {seed}"
    origin = drawn if listing.split_mode == "new_split_kfold" else "of the list"
    if listing.split_mode == "trainvaltest" and all(entry.split != "valid" for entry in listing.entries):
        origin += f", valid {drawn} from train"
    same_sound = "files of one sound"
    facts = {
        "task": name,
        "kind": f"{listing.embedding_type}, {listing.prediction_type}",
        "list": listing.path.name,
        "files": f"{len(clips)}" + (f", and {left_out} left out" if left_out else ""),
        "lengths in s": f"{seconds[0]:.4g} to {seconds[-1]:.4g}, median {median:.4g}, {sum(seconds):.4g} in all",
        "rates of the files in Hz": ", ".join(f"{rate} ({count})" for rate, count in sorted(file_rates.items())),
        "rates of the task in Hz": ", ".join(map(str, rates)),
        "mixed down to mono": f"{mixed_down or ''}",
        "splits": f"{listing.split_mode}, {origin}",
        "folds": ", ".join(f"{fold} = {listed}" for fold, listed in listing.fold_names.items()),
        "not to straddle splits": f"files of one group, {same_sound}"
        if listing.grouped
        else f"{same_sound} (there are no groups)",
    }
    return {fact: value for fact, value in facts.items() if value}
