"""Everything that is said of several runs together: ranks, agreement and conclusions, as tables and as one text."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from results.protocols import agreement, conclusions, ranks
from results.protocols.runs import read_runs
from results.rows.files import replacing
from results.scores.labels import UNTRAINED_NOTE, labels
from results.scores.records import read_record
from results.tables.escapes import markdown_table

FILES = ("ranks.csv", "agreement.csv", "conclusions.csv")


@dataclass(frozen=True)
class Protocols:
    """What runs of the same models under different protocols say together.

    Attributes:
        names: the protocols, in the order of the runs.
        ranks: `results.protocols.ranks.ranks`.
        agreement: `results.protocols.agreement.agreement`.
        conclusions: `results.protocols.conclusions.conclusions`, of the runs that have predictions; None where no pairs
            of models are named, or fewer than two runs have predictions.
    """

    names: tuple[str, ...]
    ranks: pd.DataFrame
    agreement: pd.DataFrame
    conclusions: pd.DataFrame | None

    def __str__(self) -> str:
        return "\n\n".join([*_ranks(self), *_agreement(self), *_conclusions(self)])

    def write(self, folder: Path) -> list[Path]:
        """Write the tables that there are, `FILES`; return their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, table in zip(FILES, (self.ranks, self.agreement, self.conclusions), strict=True):
            if table is not None:
                paths.append(folder / name)
                with replacing(folder / name) as file:
                    table.to_csv(file, index=False, float_format="%.6g")
        return paths


def across(
    folders: Sequence[str | Path],
    pairs: Sequence[tuple[str, str]] | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = agreement.RESAMPLES,
    seed: int = 0,
) -> Protocols:
    """Compare runs of the same models under different protocols.

    Args:
        folders: of the runs, each under its own protocol.
        pairs: models whose differences are tested under each; None takes those that the runs' studies name.
        confidence: of intervals and of tests.
        resamples: of test clips, behind the intervals of tau.
        seed: of all that is drawn.

    Raises:
        FileNotFoundError: for a folder that is no run.
        ValueError: as `results.protocols.runs.read_runs`; for an unknown model; for options out of range.
    """
    runs = read_runs(folders)
    if pairs is None:
        records = [read_record(run.folder) for run in runs]
        pairs = list(dict.fromkeys(pair for record in records if record for pair in record.comparisons))
    testable = [run for run in runs if run.has_predictions]
    tested = None
    if pairs and len(testable) > 1:
        tested = conclusions.conclusions(testable, pairs, confidence=confidence, seed=seed)
    agreeing = agreement.agreement(runs, confidence=confidence, resamples=resamples, seed=seed)
    return Protocols(tuple(run.protocol for run in runs), ranks.ranks(runs), agreeing, tested)


def _ranks(made: Protocols) -> list[str]:
    """The ranks over tasks, the best first, or those on the tasks where no task is everybody's."""
    overall = made.ranks[made.ranks["task"] == ranks.OVERALL].dropna(subset=list(made.names))
    tasks = list(made.ranks.loc[made.ranks["task"] != ranks.OVERALL, "task"].unique())
    if overall.empty:
        return [f"## Ranks\n\nNo task has scores of two models under every protocol; ranks are on {len(tasks)} tasks."]
    common = [
        task for task in tasks if made.ranks.loc[made.ranks["task"] == task, list(made.names)].notna().any().all()
    ]
    shown = overall.assign(model=labels(overall.assign(published=False, set="", read_off=False)))
    order = shown[list(made.names)].mean(axis=1).sort_values(kind="stable").index
    shown = shown.loc[order, ["model", *made.names]]
    untrained = [UNTRAINED_NOTE] if overall["untrained"].any() else []
    return [
        f"## Mean ranks over {len(common)} task{'s' * (len(common) != 1)}",
        f"Of {len(shown)} models on {', '.join(common)}; 1 is the best. Scores of two protocols do not compare.",
        markdown_table(shown, index=False, floatfmt=".1f"),
        *untrained,
    ]


def _agreement(made: Protocols) -> list[str]:
    table = made.agreement
    level = f"{table['confidence'].iloc[0]:.0%}" if len(table) else ""
    intervals = [_interval(*pair) for pair in zip(table["low"], table["high"], strict=True)]
    shown = table.assign(**{f"{level} interval": intervals})
    shown = shown[["a", "b", "task", "models", "tau", f"{level} interval", "halves", "halves_same", "units"]]
    shown = shown.astype(object).where(shown.notna(), "–")
    for name in ("tau", "halves", "halves_same"):
        shown[name] = [value if isinstance(value, str) else f"{value:.2f}" for value in shown[name]]
    reasons = table[table["reason"] != ""].groupby("reason", sort=False)["task"].unique()
    return [
        "## Agreement of protocols",
        "Kendall's tau-b of the orders of models; ties count as ties. The interval: other test clips of the same "
        "number (independent units drawn within tasks, the same for all models and protocols). It leaves out that "
        "other models, training clips or seeds would give other orders. halves: the one protocol on half of the test "
        "units against the other protocol on the other half; halves_same: each against itself. Where halves is not "
        "below halves_same, another probe changes the order no more than other clips do.",
        markdown_table(shown, index=False, disable_numparse=True),
        *(f"{', '.join(tasks)}: {reason}." for reason, tasks in reasons.items()),
    ]


def _conclusions(made: Protocols) -> list[str]:
    if made.conclusions is None:
        return ["No differences were tested: the studies name no pairs under `comparisons`, or have no predictions."]
    table = made.conclusions
    names = [name for name in made.names if name in table]
    without = [name for name in made.names if name not in table]
    left_out = [f"Not tested, for the run has no predictions (jobs/): {', '.join(without)}."] if without else []
    marks = table[names].replace("", "–")
    shown = pd.concat([table[["differ_in", "a", "b", "task"]], marks, table[["signs", "outcome"]]], axis=1)
    by_kind = conclusions.counts(table).reset_index()
    return [
        "## Conclusions",
        "Differences of pairs of models on the same test clips, corrected over the comparisons of one protocol.",
        markdown_table(by_kind, index=False),
        _signs(table),
        f"{conclusions.LEGEND}.",
        *left_out,
        markdown_table(shown, index=False),
    ]


def _signs(table: pd.DataFrame) -> str:
    """Say how often the same model is ahead under all protocols."""
    compared = table[table["signs"] != ""]
    some = compared[compared["outcome"] == conclusions.ONLY]
    one_way, also = ((part["signs"] == "one way").sum() for part in (compared, some))
    return (
        f"The same model is ahead under all protocols in {one_way} of {len(compared)}, and in {also} of the "
        f"{len(some)} that are established under some."
    )


def _interval(low: float, high: float) -> str:
    return "–" if pd.isna(low) else f"{low:.2f} to {high:.2f}"
