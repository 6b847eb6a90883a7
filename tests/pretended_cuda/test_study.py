"""A small study from end to end on the pretended device: the rows of the CPU."""

import pandas as pd
import pytest
import yaml

from ablations.runs.run import run_study
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units.where import Where
from results.rows.rows import read_rows

MODELS = [{"checkpoint": name} for name in ("logmel", "passt_demo")]
KEYS = ["model", "task", "fold", "seed", "metric"]


def test_a_study_gives_the_rows_of_the_cpu(pretended_cuda, tmp_path, scene_task, event_task, pitch_task):
    tasks = [str(scene_task()), str(event_task()), str(pitch_task())]
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"name": "mine", "models": MODELS, "tasks": tasks, "protocol": "hear2021+grid2"}))
    tables = {}
    for device in ("cpu", "cuda"):
        place = Where(tmp_path / device / "runs", tmp_path / device / "store")
        outcome = run_study(Study.load(file), place, Machine(device))
        assert outcome.failures == ()
        tables[device] = read_rows(outcome.folder)
    here, there = (table.sort_values(KEYS).reset_index(drop=True) for table in tables.values())
    assert len(there) > 0
    pd.testing.assert_frame_equal(there[KEYS], here[KEYS])
    bounded = here["score"] >= 0
    assert there["score"][bounded].tolist() == pytest.approx(here["score"][bounded].tolist(), abs=1e-3)
    assert there["score"][here["score"].isna()].isna().all()
    # R2 of few, badly predicted numbers is far below 0, and moves with their squares.
    below = here["score"] < 0
    assert there["score"][below].tolist() == pytest.approx(here["score"][below].tolist(), rel=1e-2)
    assert set(there["device"]) == {"pretended"}
    assert pretended_cuda.allocated == 0
