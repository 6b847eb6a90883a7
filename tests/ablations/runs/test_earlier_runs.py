"""What earlier versions computed stays valid: today's keys of jobs are those of committed runs."""

from pathlib import Path

import pytest

from ablations.engines.loaded import build
from ablations.study.study import Study
from ablations.units.jobs import jobs_of
from ablations.units.unit import Settings, find_tasks, grouped, name_of, units_of
from downstream.embedder import released
from results.rows.rows import read_rows

RUN = Path(__file__).parents[3] / "results" / "runs" / "quickstart"


@pytest.mark.parametrize("checkpoint", ["logmel", "cnn_demo", "passt_demo"])
def test_keys_of_jobs_are_those_of_the_committed_run(checkpoint, tmp_path):
    study = Study.load("quickstart")
    failures = []
    tasks = find_tasks(study, tmp_path, tmp_path / "store", lambda *failure: failures.append(failure))
    assert not failures
    settings = Settings(study, tmp_path, tmp_path / "store", "cpu")
    units = [unit for unit in units_of(study, tasks) if name_of(unit.group) == checkpoint]
    keys = set()
    for group in grouped(units):
        with released(build(group[0].models, settings)) as embedder:
            for unit in group:
                jobs = jobs_of(unit, [embedder], study.protocol, settings.store)
                keys |= {shared.job.key for some in jobs.shared.values() for shared in some}
    rows = read_rows(RUN)
    assert keys == set(rows.loc[rows["spec"].str.startswith(checkpoint), "job"])
