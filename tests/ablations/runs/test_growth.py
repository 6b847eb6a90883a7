"""The work of a run beside its jobs grows with its models, not with their square; reads and writes are counted."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from ablations.runs import plan as planning
from ablations.runs import rows as run_rows
from ablations.runs.plan import plan_study
from ablations.runs.plan_measure import Rate
from ablations.runs.run import run_study
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units import jobs as unit_jobs
from ablations.units.outcome import Concerned, Failure
from ablations.units.work import UnitResult
from results.rows import rows as result_rows
from results.rows.rows import read_rows
from tests.campaigns.growth_study import Place, declare, make_jobs

MODELS = 20
CPU = Machine("cpu")


@pytest.fixture(scope="module")
def tasks(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("tasks")


def made(folder: Path, models: int, tasks: Path) -> Place:
    """A made-up study, all of whose jobs are done."""
    place = Place(folder)
    declare(place, models, tasks, seeds=(0,))
    make_jobs(place)
    return place


class Clock:
    """A clock that the test sets forward, in the place of the module time."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Slow:
    """An engine whose units take a second each; it hands out the jobs that are done, and stops where it is asked to."""

    def __init__(self, clock: Clock, stop: int | None = None) -> None:
        self.clock, self.stop, self.rows_after = clock, stop, list[int]()

    def device(self, device: str | None) -> str:
        return "cpu"

    def check(self, settings) -> None:
        pass

    def results(self, units, settings, track):
        from ablations.engines.here import Here

        for number, (unit, result) in enumerate(Here().results(units, settings, track)):
            if number == self.stop:
                raise KeyboardInterrupt
            self.clock.now += 1
            yield unit, UnitResult(result.done)
            file = settings.folder / "rows.csv"
            self.rows_after.append(len(read_rows(file.parent)) if file.is_file() else 0)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """Rows take a tenth of a second for each hundred rows, and nothing else takes any time."""
    clock = Clock()
    monkeypatch.setattr(run_rows, "time", clock)
    write = result_rows.write_rows
    written = []

    def timed(rows, path):
        rows = list(rows)
        clock.now += len(rows) / 1000
        written.append(len(rows))
        write(rows, path)

    monkeypatch.setattr(run_rows.result_rows, "write_rows", timed)
    clock.written = written
    return clock


def test_rows_written_in_all_grow_with_the_units(tmp_path, tasks, clock):
    """Each time all rows are written, but the more they are, the more rarely."""
    in_all = {}
    for models in (MODELS // 2, MODELS):
        place = made(tmp_path / str(models), models, tasks)
        clock.written.clear()
        engine, start = Slow(clock), clock.now
        run_study(Study.load(place.study), place.where, CPU, engine=engine)
        units = len(engine.rows_after)
        spent = sum(clock.written[:-1]) / 1000
        assert spent <= (clock.now - start) / run_rows.PAUSES
        in_all[models] = sum(clock.written) / units
        assert engine.rows_after[0] > 0, "the first rows come at once"
        assert engine.rows_after == sorted(engine.rows_after)
        assert len(read_rows(place.run)) == clock.written[-1] > engine.rows_after[-2]
    assert in_all[MODELS] < 1.5 * in_all[MODELS // 2]


def test_rows_of_units_that_ended_are_written_where_a_signal_ends_the_run(tmp_path, tasks, clock, monkeypatch):
    monkeypatch.setattr(run_rows, "PAUSES", 10**9)
    place = made(tmp_path, 6, tasks)
    engine = Slow(clock, stop=4)
    with pytest.raises(KeyboardInterrupt):
        run_study(Study.load(place.study), place.where, CPU, engine=engine)
    assert engine.rows_after == [engine.rows_after[0]] * 4, "put off after the first unit"
    assert len(read_rows(place.run)) > engine.rows_after[0]
    assert len(clock.written) == 2
    whole = run_study(Study.load(place.study), place.where, CPU)
    assert len(read_rows(whole.folder).drop_duplicates(["spec", "task"])) == 6 * 3


def test_a_fault_of_writing_is_told_once(tmp_path, tasks, monkeypatch):
    place = made(tmp_path, 4, tasks)
    calls = Counter()

    def full(rows, path):
        calls["write"] += 1
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(run_rows.result_rows, "write_rows", full)
    with pytest.raises(OSError, match="No space left"):
        run_study(Study.load(place.study), place.where, CPU)
    assert calls["write"] == 1


def test_each_job_is_read_a_few_times_and_never_for_another_unit(tmp_path, tasks, monkeypatch):
    place = made(tmp_path, MODELS, tasks)
    read = Counter()
    for module, name in ((unit_jobs, "parse_job"), (run_rows, "read_job")):
        true = getattr(module, name)

        def counted(path, *rest, true=true, **options):
            read[Path(path).name] += 1
            return true(path, *rest, **options)

        monkeypatch.setattr(module, name, counted)
    run_study(Study.load(place.study), place.where, CPU)
    assert len(read) == len(list((place.run / "jobs").glob("*.json")))
    assert max(read.values()) <= 3


def test_a_plan_reads_the_jobs_that_are_done_once_for_all_embedders(tmp_path, tasks, monkeypatch):
    place = made(tmp_path, MODELS, tasks)
    for job in sorted((place.run / "jobs").glob("*.json"))[::2]:
        job.unlink()
    true, calls = planning.epochs_seen, []
    for name, value in (("in_use", 0), ("probe_seconds", 1.0), ("embedding_rate", Rate(1.0, 0))):
        monkeypatch.setattr(planning, name, lambda *_, value=value: value)
    monkeypatch.setattr(planning, "epochs_seen", lambda folder: calls.append(folder) or true(folder))
    study = Study.load(place.study)
    plan = plan_study(study, place.where, CPU)
    assert 0 < plan["done"].sum() < plan["jobs"].sum()
    assert (plan["done"] < plan["jobs"]).sum() > 1
    assert calls == [place.run]
    plan_study(study, place.where, CPU, measure=False)
    assert len(calls) == 1


def test_failures_that_concern_a_row_are_found_by_its_model():
    models = [SimpleNamespace(spec=f"s{number}", label=f"m{number}") for number in range(6)]
    failures = [
        Failure((), "ton*", "absent", absent=True),
        Failure(tuple(models[:2]), "", "no weights"),
        Failure((models[2],), "esc50-v2.0.0-full", "a clip is absent"),
        Failure((models[2], models[3]), "beeps", "out of memory"),
    ]
    concerned = Concerned(failures)
    found = set()
    for model in models:
        for task in ("tones", "esc50", "beeps", "other"):
            row = {"spec": model.spec, "task": task}
            assert concerned.holds(row) == any(failure.concerns(row) for failure in failures)
            if concerned.holds(row):
                found.add((model.spec, task))
    assert len(found) == 6 + 2 * 3 + 1 + 2


def test_a_row_asks_the_failures_of_its_model_alone(monkeypatch):
    models = [SimpleNamespace(spec=f"s{number}", label=f"m{number}") for number in range(MODELS)]
    concerned = Concerned([Failure((model,), f"t{number % 3}", "why") for number, model in enumerate(models)])
    asked = Counter()
    true = Failure.has_task

    def counted(failure, task):
        asked[failure.models[0].spec] += 1
        return true(failure, task)

    monkeypatch.setattr(Failure, "has_task", counted)
    for model in models:
        for task in ("t0", "t1", "t2"):
            concerned.holds({"spec": model.spec, "task": task})
    assert set(asked.values()) == {3}
