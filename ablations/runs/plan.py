"""What a run of a study would do, before it does any of it: jobs, forward passes, fits, time, disk and memory."""

import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ablations.engines.here import build, check
from ablations.runs.plan_counts import Counts, counts_of
from ablations.runs.plan_measure import Rate, embedding_rate, epochs_seen, probe_memory, probe_seconds
from ablations.study.study import Model, Study
from ablations.system.device_memory import in_use
from ablations.system.machine import choose_device
from ablations.tasks import names
from ablations.units.outcome import Failure
from ablations.units.unit import Settings, Unit, failure_of, find_tasks, grouped, units_of
from downstream.embedder import Embedder, Tap, released
from downstream.progress import Advance, Track, silent
from results.tables.escapes import markdown_table, printable

COLUMNS = {
    "model": "the embedder",
    "task": "",
    "jobs": "of all its taps and seeds",
    "done": "of these",
    "taps": "levels and windows, shared by the jobs",
    "stored": "of these, in the store",
    "clips": "to be embedded",
    "hours": "of sound, to be embedded",
    "passes": "through the model: one a clip or timestamp, and window",
    "fits": "probes to be trained",
    "extraction_s": "seconds, estimated",
    "probes_s": "seconds, estimated",
    "disk_mb": "embeddings that come to the store",
    "memory_mb": "of the process at its highest, estimated",
    "problem": "why nothing is known, or nothing can be done",
}
TOTALS = ("jobs", "done", "clips", "hours", "passes", "fits", "extraction_s", "probes_s", "disk_mb")


def plan_study(
    study: Study,
    *,
    runs: str | Path = "runs",
    store: Path,
    tasks_folder: Path | None = None,
    device: str | None = None,
    precision: str | None = None,
    measure: bool = True,
    track: Track = silent,
) -> pd.DataFrame:
    """What is done of a study and what is not; arguments and errors are those of `ablations.runs.run.run_study`.

    Every embedder is loaded, for its taps are stored under what decides its numbers; weights that are not here are
    fetched. Nothing is embedded but a few clips, and no probe is trained but a few epochs of noise.

    Args:
        measure: whether time and memory are estimated, from seconds of work for each embedder and width of features.

    Returns:
        A row an embedder and task, with the columns of `COLUMNS`, and one for every task that is absent.
    """
    device = choose_device(device)
    settings = Settings(study, Path(runs) / study.name, store, device, precision or study.precision)
    check(settings)
    failures: list[Failure] = []

    def failed(variants: Sequence[Model], task: str, error: Exception) -> None:
        failures.append(failure_of(variants, task, error))

    units = units_of(study, find_tasks(study, tasks_folder or names.default_folder(), store, failed))
    rows: list[dict[str, Any]] = []
    with track(f"plan of {study.name}", len(units)) as advance:
        for group in grouped(units):
            rows += _of_group(group, settings, measure, track, advance)
    rows += [{"task": failure.task, "problem": failure.reason} for failure in failures]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_group(group: Sequence[Unit], settings: Settings, measure: bool, track: Track, advance: Advance) -> list[dict]:
    try:
        embedder = build(group[0].models, settings, track)
    except Exception as error:
        advance(len(group))
        return [_problem(unit, error) for unit in group]
    rows = []
    with released(embedder):
        plan = _Planned(embedder, settings, measure)
        for unit in group:
            try:
                rows.append(plan.row(unit))
            except Exception as error:
                rows.append(_problem(unit, error))
            advance(1)
    return rows


class _Planned:
    """An embedder, and what was measured of it."""

    def __init__(self, embedder: Embedder, settings: Settings, measure: bool) -> None:
        self.embedder, self.settings, self.measure = embedder, settings, measure
        self.epochs = epochs_seen(settings.folder)
        self.rates: dict[tuple[tuple[Tap, ...], int | None, int], Rate] = {}

    def row(self, unit: Unit) -> dict[str, Any]:
        counts = counts_of(unit, self.embedder, self.settings)
        found = {
            "model": self.embedder.name,
            "task": unit.named.key,
            **{name: getattr(counts, name) for name in ("jobs", "done", "taps", "stored", "fits")},
            "clips": sum(len(work.files) for work in counts.extractions),
            "hours": sum(work.seconds for work in counts.extractions) / 3600,
            "passes": sum(work.passes for work in counts.extractions),
            "disk_mb": sum(work.size for work in counts.extractions) / 1e6,
        }
        return found | (self.estimated(counts) if self.measure else {})

    def estimated(self, counts: Counts) -> dict[str, float]:
        seconds, beyond = 0.0, [0]
        for work in counts.extractions:
            length = round(math.log2(max(work.seconds, 0.01) / max(len(work.files), 1)))  # of a clip, about
            key = work.taps, work.hop_ms, length
            if key not in self.rates:
                self.rates[key] = embedding_rate(self.embedder, work, self.settings.device)
            seconds += self.rates[key].seconds * work.seconds
            beyond.append(self.rates[key].memory)
        probes = sum(probe_seconds(work, self.settings.device, self.epochs) for work in counts.probes)
        beyond += map(probe_memory, counts.probes)
        held = in_use(torch.device(self.settings.device))
        return {"extraction_s": seconds, "probes_s": probes, "memory_mb": (held + max(beyond)) / 1e6}


def to_text(plan: pd.DataFrame, store: Path) -> str:
    """The plan as a table, its totals in a line below, and each problem in one."""
    known = plan[plan["problem"].isna()]
    shown = known.drop(columns="problem").dropna(axis=1, how="all")
    text = markdown_table(shown, index=False, floatfmt=".3g", intfmt=",") if len(known) else "Nothing that can be done."
    total = {name: known[name].sum() for name in TOTALS}
    lines = [
        f"{total['jobs']:.0f} jobs, {total['done']:.0f} done; {total['fits']:,.0f} fits; {total['clips']:,.0f} clips "
        f"of {total['hours']:.2f} h to embed in {total['passes']:,.0f} passes; {total['disk_mb'] / 1e3:.2f} GB of "
        f"{_free(store) / 1e9:.0f} GB free"
    ]
    if known["extraction_s"].notna().any():
        spent = total["extraction_s"] + total["probes_s"]
        lines.append(
            f"About {duration(spent)} here: extraction {duration(total['extraction_s'])}, probes "
            f"{duration(total['probes_s'])}; {known['memory_mb'].max() / 1e3:.1f} GB of memory"
        )
    for row in plan[plan["problem"].notna()].itertuples():
        named = " ".join(name for name in (row.model, row.task) if isinstance(name, str) and name)
        lines.append(printable(f"Problem: {named}: {row.problem}" if named else f"Problem: {row.problem}"))
    return "\n".join([text, "", *lines])


def duration(seconds: float) -> str:
    """In the unit that reads best."""
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s"


def _problem(unit: Unit, error: Exception) -> dict[str, Any]:
    reason = failure_of(unit.models, unit.named.key, error).reason
    return {"model": unit.group[0], "task": unit.named.key, "problem": reason}


def _free(store: Path) -> int:
    place = next(path for path in (store.absolute(), *store.absolute().parents) if path.exists())
    return shutil.disk_usage(place).free
