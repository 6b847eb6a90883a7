"""The table of engines."""

import subprocess
import sys

import pytest

from ablations.engines import ENGINES, make_engine
from ablations.engines.here import Here
from ablations.runs.run import run_study
from ablations.system.compute import Machine
from ablations.units.where import Where
from results.rows.rows import read_rows
from tests.ablations.units.test_unit import study_of


class Backwards(Here):
    """An engine that executes units in this process, the last one first."""

    def results(self, units, settings, track):
        yield from super().results(units[::-1], settings, track)


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_has_what_a_run_asks_for(name):
    if name == "ray":
        pytest.importorskip("ray", reason="workers need Ray, the extra ray")
    engine = make_engine(name, **({"count": 1} if name == "ray" else {}))
    assert engine.device("cpu") == "cpu"
    assert callable(engine.check)
    assert callable(engine.results)


def test_a_new_engine_is_a_class_and_a_row(tmp_path, scene_task, event_task, monkeypatch):
    monkeypatch.setitem(ENGINES, "backwards", (__name__, "Backwards"))
    model = {"checkpoint": "logmel", "timestamp_hop_ms": 1000}
    study = study_of([scene_task(), event_task()], [model], protocol="hear2021+grid1")
    store = tmp_path / "store"
    for name in ("here", "backwards"):
        run_study(study, Where(tmp_path / name, store), Machine("cpu"), engine=make_engine(name))
    rows = [read_rows(tmp_path / name / study.name).drop(columns="seconds") for name in ("here", "backwards")]
    assert rows[0].equals(rows[1])


def test_an_unknown_engine_is_named():
    with pytest.raises(ValueError, match="engine must be one of here, ray, got 'slurm'"):
        make_engine("slurm")


def test_the_table_loads_neither_torch_nor_ray():
    code = "import sys, ablations.engines; assert not {'torch', 'ray'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
