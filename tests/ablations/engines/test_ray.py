"""Ray itself: a cluster of two nodes on this machine, and a worker that is killed in between."""

import importlib.util
import os
from pathlib import Path

import pytest

from ablations.engines import make_engine
from ablations.runs.run import run_study
from ablations.system.compute import Machine
from ablations.units.where import Where
from tests.ablations.hear_fakes import TORCH
from tests.ablations.units.test_unit import assert_same_run, study_of

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray, an extra, is not installed")

KILLED_ONCE = f"""
{TORCH}
from pathlib import Path
as_ever = load_model

def load_model(path="", scale=1.0):
    if os.getpid() != int(Path("driver").read_text()) and not Path("died").exists():
        Path("died").touch()
        os.kill(os.getpid(), 9)
    return as_ever(path, scale)
"""
MODELS = [
    {"checkpoint": "logmel", "timestamp_hop_ms": 500},
    {"checkpoint": "crepe_tiny", "timestamp_hop_ms": 500},
    {"hear": "killed_once"},
]


def test_two_nodes_give_the_files_of_one_process(tmp_path, hear_module, scene_task, event_task, two_nodes, caplog):
    hear_module(KILLED_ONCE, "killed_once")
    Path("driver").write_text(str(os.getpid()))
    declared = study_of([scene_task(), event_task(), "absent"], MODELS, protocol="hear2021+grid1")
    where = Where(Path("there"), Path("store"))  # relative: workers start where the driver is
    ray = make_engine("ray", count=2, address=two_nodes)
    distributed = run_study(declared, where, Machine("cpu"), engine=ray)
    assert Path("died").exists()
    assert caplog.text.count("its worker died, it is done again") == 1
    alone = run_study(declared, Where(Path("here"), Path("other")), Machine("cpu"))
    assert [str(failure) for failure in distributed.failures] == [str(failure) for failure in alone.failures]
    assert len(alone.failures) == 1
    assert_same_run(alone.folder, distributed.folder)
