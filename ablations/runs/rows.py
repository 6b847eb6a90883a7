"""Keep the rows of a run up to date: those of earlier runs, and those of jobs as they end.

All rows are written anew each time. If that were done after each unit, the time of a run would grow with the square of
its units, so it is put off while it would take more than a small share of the time (`PAUSES`). What was put off is
written when the run ends, also where an error or a signal ends it. After a kill the next run makes it of the jobs.

Several processes may run parts of one study in one folder. Each reads `rows.csv` and `study.json` again under a lock
before it writes them, so that the last one writes the rows of all. The first write leaves out rows that the study does
not ask for any more (`ablations.runs.asked_rows`), and the log says so; their jobs stay.

A job whose file was damaged or lost is made anew: its scores are equal, its time is not. If rows differ in `seconds`
alone, the earlier ones stay. So a changed `rows.csv` means changed results.
"""

import csv
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablations.runs.asked_rows import AskedRows, log_left_out
from ablations.runs.tracking import Tell, untold
from ablations.study.study import Study
from ablations.system import call
from ablations.units.jobs import Done, job_file
from ablations.units.outcome import Concerned, Failure
from ablations.units.unit import Unit
from downstream.disk.locks import held
from results.reference.published import published
from results.rows import rows as result_rows
from results.rows.files import check_sum
from results.rows.job_files import read_job
from results.scores.conditions import parts
from results.scores.records import (
    NotApplicable,
    RecordedCall,
    RecordedFailure,
    RecordedModel,
    RunRecord,
    read_record,
    write_record,
)

LOCK = ".rows.lock"
PAUSES = 20
"""Between two times that rows are written, the run goes on for at least so many times as long as the first took."""
TWINS = frozenset(key for key, names in result_rows.task_table()["hear_folders"].items() if len(names.split()) > 1)
"""HEAR tasks of several folders, whose rows have one key."""
Row = dict[str, Any]
"""A row by the columns of `results.rows.rows.COLUMNS`."""


class StudyRows:
    """The files `rows.csv` and `study.json` of a study, with the rows of earlier runs.

    Args:
        study: whose rows they are.
        folder: of the run.
        units: all units of the study.
        chosen: the units of this run; rows of the others are left as they are.
        precision: in place of the study's.
        tell: is given the rows of each job, under each of its models.

    Raises:
        ValueError: `rows.csv` is not what was written.
    """

    def __init__(
        self,
        study: Study,
        folder: Path,
        units: Sequence[Unit],
        chosen: Sequence[Unit],
        *,
        precision: str | None = None,
        tell: Tell = untold,
    ) -> None:
        self._tell, self._asked_for = tell, sum(unit.rows for unit in chosen)
        self.study, self.folder, self.file = study, folder, folder / "rows.csv"
        self.precision = precision or study.precision
        self._rows: dict[tuple[str, Path, int], list[Row]] = {}
        self._folders: dict[str, str] = {}
        self._published = published(study.reference)
        chosen_keys = {key for unit in chosen for key in unit.keys}
        self._others = {key for unit in units for key in unit.keys} - chosen_keys
        self._specs = {str(model.spec): place for place, model in enumerate(study.models)}
        self._tasks = {key: place for place, key in enumerate(dict.fromkeys(unit.named.key for unit in units))}
        self._asked = AskedRows(study, self._tasks, self.precision)
        self._started, self._keys = call.now(), set[str]()
        self._due = 0.0  # by the clock of `time.monotonic`
        self._put_off: tuple[Collection[Failure], Sequence[NotApplicable]] | None = None
        self._earlier_keys = {path.stem for path in (folder / "jobs").glob("*.json")}
        self._earlier()  # a fault in them is an error before anything is done

    def add(self, job: Done) -> None:
        """Add the rows of a job, from its JSON, under every model that points at it."""
        record = read_job(job_file(self.folder, job.key))
        self._keys.add(job.key)
        for model in job.models:
            identity = {
                "study": self.study.name,
                "model": model.label,
                "family": model.family,
                "spec": str(model.spec),
                "weights": model.weights,
                "task": job.task,
                "seed": job.seed,
            }
            rows = result_rows.rows_of(record, identity)
            self._rows[str(model.spec), job.task_folder, job.seed] = rows
            self._tell(rows, len(self._rows) / self._asked_for)

    def update(self, failures: Collection[Failure], not_applicable: Sequence[NotApplicable] = ()) -> None:
        """Write the rows, or put it off if they were written a short time ago; the arguments are those of `write`."""
        self._put_off = failures, not_applicable
        if time.monotonic() >= self._due:
            self.close()

    def close(self) -> None:
        """Write what was put off, if anything was."""
        if self._put_off is not None:
            self.write(*self._put_off)

    def write(
        self, failures: Collection[Failure], not_applicable: Sequence[NotApplicable] = (), final: bool = False
    ) -> None:
        """Write the rows in the study's order.

        Rows of an earlier run stay until this run has made them, and at the end if their model and task failed.

        Args:
            failures: of this run so far.
            not_applicable: models that have no embedding for a task.
            final: whether the run has come to its end.
        """
        self._put_off, begun, concerned = None, time.monotonic(), Concerned(failures)
        with held(self.folder / LOCK):
            earlier = self._earlier()
            known = {_apart_from_time(row): row for row in earlier}
            new = [row for key in sorted(self._rows, key=str) for row in self._rows[key]]
            rows = [known.get(_apart_from_time(row), row) for row in new]
            cells, left_out = set(map(self._cell, rows)), []
            for row in earlier:
                if why := self._asked.why_not(row, concerned):
                    left_out.append(why)
                elif self._cell(row) in cells:
                    continue
                elif self._stays(row, concerned, final):
                    rows.append(self._asked.renamed(row))
                else:
                    left_out.append(f"{row['model']} on {row['task']}")
            result_rows.write_reference(self._published, self.file.with_name(result_rows.REFERENCE_NAME))
            result_rows.write_rows(sorted(rows, key=self._place), self.file)
            written = {(row["spec"], row["task"], row["seed"]) for row in rows}
            complete = all((*other, seed) in written for other in self._others for seed in self.study.seeds)
            write_record(self._record(failures, not_applicable, final and complete), self.folder)
        log_left_out(self.file, left_out)
        ended = time.monotonic()
        self._due = ended + PAUSES * (ended - begun)

    def _stays(self, row: Row, concerned: Concerned, final: bool) -> bool:
        """Whether an earlier row stays that this run has not made."""
        return not final or (row["spec"], row["task"]) in self._others or concerned.holds(row)

    def _cell(self, row: Row) -> tuple[str, str, int, str]:
        """Spec, task and seed of a row, and for a HEAR task of several folders the folder, which its job names."""
        folder = self._folder_of(row.get("job") or "") if parts(row["task"]).task in TWINS else ""
        return row["spec"], row["task"], row["seed"], folder

    def _folder_of(self, job: str) -> str:
        if job not in self._folders:
            file = job_file(self.folder, job)
            self._folders[job] = read_job(file)["task_folder"] if file.is_file() else ""
        return self._folders[job]

    def _record(
        self, failures: Collection[Failure], not_applicable: Sequence[NotApplicable], finished: bool
    ) -> RunRecord:
        study, earlier = self.study, self._earlier_record()
        recorded = [*earlier.failures, *(failure.recorded() for failure in failures)]
        without_rows = [failure.task for failure in recorded if failure.task and not failure.models]
        return RunRecord(
            study.name,
            study.figure,
            study.reference,
            study.protocol,
            self.precision,
            study.seeds,
            tuple(RecordedModel(m.label, m.family, str(m.spec), m.weights) for m in study.models),
            tuple(dict.fromkeys([*self._tasks, *without_rows])),
            tuple(dict.fromkeys(recorded)),
            tuple(dict.fromkeys([*earlier.not_applicable, *not_applicable])),
            finished,
            study.comparisons,
            self._calls(),
        )

    def _calls(self) -> tuple[RecordedCall, ...]:
        """List the calls that computed jobs of the folder, with this one as it stands."""
        record = read_record(self.folder)
        others = [one for one in (record.calls if record else ()) if one.started != self._started]
        computed = len(self._keys - self._earlier_keys)
        this = RecordedCall(self._started, call.command(), call.version(), call.commit(), computed)
        return tuple(sorted([*others, *([this] if computed else [])], key=lambda one: one.started))

    def _earlier_record(self) -> RunRecord:
        """Read what the other parts of the study have recorded, which run in the same folder."""
        record = read_record(self.folder) if self._others else None
        if record is None:
            return RunRecord(self.study.name)
        tasks = defaultdict[str, list[str]](list)
        for spec, task in self._others:
            tasks[spec].append(task)
        others = {(model.label, task) for model in self.study.models for task in tasks[str(model.spec)]}

        def of_others(failure: RecordedFailure) -> bool:
            return bool(failure.models) and all((label, failure.task) in others for label in failure.models)

        not_applicable = tuple(cell for cell in record.not_applicable if (cell.model, cell.task) in others)
        return replace(record, failures=tuple(filter(of_others, record.failures)), not_applicable=not_applicable)

    def _place(self, row: Mapping[str, Any]) -> tuple[int, int, int]:
        return (
            self._specs[row["spec"]],
            self._tasks.get(row["task"], len(self._tasks)),
            self.study.seeds.index(row["seed"]),
        )

    def _earlier(self) -> list[Row]:
        """Read the earlier rows as texts, the seed apart: a number that is parsed and written again may change."""
        if not self.file.is_file():
            return []
        check_sum(self.file, result_rows.REMEDY)
        try:
            with self.file.open(newline="", encoding="utf-8") as file:
                rows = [
                    {name: row[name] for name in result_rows.COLUMNS if name in row} for row in csv.DictReader(file)
                ]
            return [row | {"spec": row["spec"], "task": row["task"], "seed": int(row["seed"])} for row in rows]
        except (KeyError, ValueError, TypeError):
            raise ValueError(f"{self.file}: not the rows of a run; remove it, it is made anew from jobs/") from None


def _apart_from_time(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A row as `rows.csv` has it, without `seconds`."""
    return tuple(result_rows.as_text(row.get(name)) for name in result_rows.COLUMNS if name != "seconds")
