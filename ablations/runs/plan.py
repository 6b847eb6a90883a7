"""The plan of a run, before any of it is done: jobs, forward passes, fits, time, disk and memory."""

import functools
import logging
import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd
import torch

from ablations.engines.here import check
from ablations.engines.loaded import Loaded
from ablations.runs.plan_counts import Counts, counts_of
from ablations.runs.plan_frame import TOTALS, Plan
from ablations.runs.plan_measure import Rate, embedding_rate, epochs_seen, probe_memory, probe_seconds
from ablations.study.study import Model, Study
from ablations.system.compute import DEFAULT, Machine
from ablations.system.device_memory import in_use
from ablations.system.machine import choose_device
from ablations.units.outcome import Failure
from ablations.units.unit import Settings, Unit, failure_of, find_tasks, grouped, name_of, units_of
from ablations.units.where import Where
from downstream.embedder import Embedder, Tap
from downstream.progress import Track, silent
from passt.catalog.spec_text import FUSED
from results.tables.escapes import markdown_table, printable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PlanRow:
    """What an embedder, or several side by side, have to do on a task; None for what is not known.

    Attributes:
        model: the checkpoint and its weights.
        task: its key.
        jobs: of all taps and seeds.
        done: jobs that have their files.
        taps: levels and windows, which jobs share.
        stored: taps that are in the store.
        clips: to be embedded.
        hours: of sound, to be embedded.
        passes: through the model: one a clip or timestamp, and window.
        fits: probes to be trained.
        extraction_s: estimated seconds.
        probes_s: estimated seconds.
        disk_mb: embeddings that will be added to the store; those of models side by side are counted where they are
            needed first, as are clips, hours, passes and extraction_s.
        memory_mb: the highest memory of the process, estimated.
        problem: why nothing is known, or nothing can be done.
    """

    model: str | None = None
    task: str | None = None
    jobs: int | None = None
    done: int | None = None
    taps: int | None = None
    stored: int | None = None
    clips: int | None = None
    hours: float | None = None
    passes: int | None = None
    fits: int | None = None
    extraction_s: float | None = None
    probes_s: float | None = None
    disk_mb: float | None = None
    memory_mb: float | None = None
    problem: str | None = None


COLUMNS = tuple(field.name for field in fields(PlanRow))


@dataclass(frozen=True)
class Estimate:
    """Seconds and memory, from a quick measurement; None for what was not measured."""

    extraction_s: float | None = None
    probes_s: float | None = None
    memory_mb: float | None = None


def plan_study(
    study: Study,
    where: Where | None = None,
    machine: Machine = DEFAULT,
    *,
    measure: bool = True,
    track: Track = silent,
) -> pd.DataFrame:
    """Count what is done of a study and what is not.

    Every embedder is loaded, because the store files taps under what decides their numbers; weights that are not here
    are fetched. A measurement embeds a few clips and trains a probe on noise for a few epochs.

    Args:
        study: what to compare, on which tasks.
        where: the folders of runs, embeddings and tasks; None are the defaults of `ablate plan`.
        machine: the device and the precision, in place of the study's.
        measure: whether to estimate time and memory, by seconds of work for each embedder and width of features.
        track: is told how far the work is.

    Returns:
        A row (`PlanRow`) for each embedder and task, and one for each task that is absent; a notebook shows its totals.

    Raises:
        ValueError: a device or a precision that is not available.
    """
    where = where or Where()
    settings = Settings.of(study, where, machine, choose_device(machine.device))
    check(settings)
    failures: list[Failure] = []

    def failed(models: Sequence[Model], task: str, error: Exception) -> None:
        failures.append(failure_of(models, task, error))

    units = units_of(study, find_tasks(study, where.tasks, where.store, failed))
    rows: list[PlanRow] = []
    planner = _Planner(settings, measure)
    with Loaded(settings, track) as loaded, track(f"plan of {study.name}", len(units)) as advance:
        for group in grouped(units):
            try:
                embedders = loaded.of(group[0].models)
            except Exception as error:
                rows += [_problem(unit, error) for unit in group]
                advance(len(group))
                continue
            for unit in group:
                try:
                    rows.append(planner.row(unit, embedders))
                except Exception as error:
                    rows.append(_problem(unit, error))
                advance(1)
    rows += [PlanRow(task=failure.task, problem=failure.reason) for failure in failures]
    return Plan([asdict(row) for row in rows], columns=list(COLUMNS))


class _Planner:
    """Plans units. It measures the speed of an embedder once for each set of taps and length of clips."""

    def __init__(self, settings: Settings, measure: bool) -> None:
        self.settings, self.measure = settings, measure
        self.held: dict[tuple[str, ...], int] = {}  # bytes of the process by embedders: measuring collects garbage
        self.rates: dict[tuple[str, tuple[Tap, ...], int | None, int], Rate] = {}
        self.planned: set[tuple[Path, Tap]] = set()

    @functools.cached_property
    def epochs(self) -> float:
        """Epochs of a fit; every job that is done is read for it."""
        return epochs_seen(self.settings.folder)

    def row(self, unit: Unit, embedders: Sequence[Embedder]) -> PlanRow:
        """Count what remains of a unit; models that have nothing to give on its task are logged."""
        counts = counts_of(unit, embedders, self.settings, self.planned)
        for cell in counts.not_applicable:
            logger.warning("not applicable: %s", cell)
        estimate = self.estimate(counts, embedders) if self.measure else Estimate()
        return PlanRow(
            model=FUSED.join(embedder.name for embedder in embedders),
            task=unit.named.key,
            jobs=counts.jobs,
            done=counts.done,
            taps=counts.taps,
            stored=counts.stored,
            clips=sum(len(work.files) for work in counts.extractions),
            hours=sum(work.seconds for work in counts.extractions) / 3600,
            passes=sum(work.passes for work in counts.extractions),
            fits=counts.fits,
            extraction_s=estimate.extraction_s,
            probes_s=estimate.probes_s,
            disk_mb=sum(work.size for work in counts.extractions) / 1e6,
            memory_mb=estimate.memory_mb,
        )

    def estimate(self, counts: Counts, embedders: Sequence[Embedder]) -> Estimate:
        """Estimate time and memory of what remains."""
        seconds, beyond = 0.0, [0]
        for work in counts.extractions:
            length = round(math.log2(max(work.seconds, 0.01) / max(len(work.files), 1)))  # of a clip, about
            key = work.embedder.fingerprint, work.taps, work.hop_ms, length
            if key not in self.rates:
                self.rates[key] = embedding_rate(work.embedder, work, self.settings.device)
            seconds += self.rates[key].seconds * work.seconds
            beyond.append(self.rates[key].memory)
        probes = sum(probe_seconds(work, self.settings.device, self.epochs) for work in counts.probes)
        beyond += map(probe_memory, counts.probes)
        names = tuple(embedder.fingerprint for embedder in embedders)
        if names not in self.held:
            self.held[names] = in_use(torch.device(self.settings.device))
        return Estimate(seconds, probes, (self.held[names] + max(beyond)) / 1e6)


def to_text(plan: pd.DataFrame, store: Path) -> str:
    """The plan for a terminal: a table, a line of totals, and a line for each problem.

    Args:
        plan: what `plan_study` returned.
        store: the folder of embeddings, whose disk's free space is shown.
    """
    known = plan[plan["problem"].isna()]
    table = known.drop(columns="problem").dropna(axis=1, how="all")
    text = markdown_table(table, index=False, floatfmt=".3g", intfmt=",") if len(known) else "Nothing that can be done."
    lines = totals(known, store)
    for row in plan[plan["problem"].notna()].itertuples():
        named = " ".join(name for name in (row.model, row.task) if isinstance(name, str) and name)
        lines.append(printable(f"Problem: {named}: {row.problem}" if named else f"Problem: {row.problem}"))
    return "\n".join([text, "", *lines])


def totals(known: pd.DataFrame, store: Path) -> list[str]:
    """The lines of totals of a plan, or of several.

    Args:
        known: rows without a problem.
        store: the folder of embeddings, whose disk's free space is shown.
    """
    total = {name: known[name].sum() for name in TOTALS}
    lines = [
        f"{total['jobs']:.0f} jobs, {total['done']:.0f} done; {total['fits']:,.0f} fits; {total['clips']:,.0f} clips "
        f"of {total['hours']:.2f} h to embed in {total['passes']:,.0f} passes; {total['disk_mb'] / 1e3:.2f} GB of "
        f"{_free(store) / 1e9:.0f} GB free"
    ]
    if known["extraction_s"].notna().any():
        whole = total["extraction_s"] + total["probes_s"]
        lines.append(
            f"About {duration(whole)} here: extraction {duration(total['extraction_s'])}, probes "
            f"{duration(total['probes_s'])}; {known['memory_mb'].max() / 1e3:.1f} GB of memory"
        )
    return lines


def duration(seconds: float) -> str:
    """A length of time in the largest unit of which it has at least one."""
    for size, name in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s"


def _problem(unit: Unit, error: Exception) -> PlanRow:
    reason = failure_of(unit.models, unit.named.key, error).reason
    return PlanRow(model=name_of(unit.group), task=unit.named.key, problem=reason)


def _free(store: Path) -> int:
    place = next(path for path in (store.absolute(), *store.absolute().parents) if path.exists())
    return shutil.disk_usage(place).free
