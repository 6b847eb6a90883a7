"""The rows of a study's run while it is going on: those of an earlier run, and those that come up."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ablations.job import Job
from ablations.outcome import Failure
from ablations.study import Model, Study
from ablations.tasks import NamedTask
from results import rows as result_rows
from results.records import RecordedModel, RunRecord, write_record
from results.reference import published


class StudyRows:
    """`rows.csv` of a study in its folder, and `study.json` beside it; rows that are there already are gone on with."""

    def __init__(self, study: Study, folder: Path) -> None:
        self.study, self.file = study, folder / "rows.csv"
        self._rows: dict[tuple[str, Path, int], list[dict[str, Any]]] = {}
        self._tasks: tuple[str, ...] = ()
        self._published = published(study.reference)
        self._earlier = result_rows.read_rows(folder).to_dict("records") if self.file.is_file() else []

    def expect(self, found: Iterable[NamedTask]) -> None:
        """The tasks that are there; absent ones are known by their failures."""
        self._tasks = tuple(dict.fromkeys(named.key for named in found))

    def add(self, file: Path, job: Job, variants: Iterable[Model]) -> None:
        """The rows of a job, by its JSON, under every model that points at it."""
        found = result_rows.read_job(file)
        for model in variants:
            identity = {
                "study": self.study.name,
                "model": model.label,
                "family": model.family,
                "spec": str(model.spec),
                "weights": model.spec.weights,
                "task": job.named.key,
            }
            key = str(model.spec), job.named.task.folder, job.seed
            self._rows[key] = result_rows.rows_of(found, identity)

    def write(self, failures: Sequence[Failure], not_applicable: Sequence[str] = (), final: bool = False) -> None:
        """In the study's order. Rows of an earlier run stay until they come up again, or for what failed."""
        order = {str(model.spec): place for place, model in enumerate(self.study.models)}
        rows = [row for key in sorted(self._rows, key=lambda key: order[key[0]]) for row in self._rows[key]]
        new = {(row["spec"], row["task"], row["seed"]) for row in rows}
        for row in self._earlier:
            known = row["spec"] in order and row["seed"] in self.study.seeds
            wanted = not final or any(failure.concerns(row) for failure in failures)
            if known and wanted and (row["spec"], row["task"], row["seed"]) not in new:
                rows.append(row)
        result_rows.write_reference(self._published, self.file.with_name(result_rows.REFERENCE_NAME))
        result_rows.write_rows(rows, self.file)
        write_record(self._record(failures, not_applicable, final), self.file.parent)

    def _record(self, failures: Sequence[Failure], not_applicable: Sequence[str], final: bool) -> RunRecord:
        study, recorded = self.study, [failure.recorded() for failure in failures]
        without_rows = [failure.task for failure in recorded if failure.task and not failure.models]
        return RunRecord(
            study.name,
            study.figure,
            study.reference,
            study.protocol,
            study.precision,
            study.seeds,
            tuple(RecordedModel(m.label, m.family, str(m.spec), m.spec.weights) for m in study.models),
            tuple(dict.fromkeys([*self._tasks, *without_rows])),
            tuple(recorded),
            tuple(dict.fromkeys(not_applicable)),
            final,
        )
