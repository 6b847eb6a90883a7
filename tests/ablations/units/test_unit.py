"""Units, shards, and one run folder that several processes write."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.runs.rows import StudyRows
from ablations.runs.run import run_study
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.tasks.names import NamedTask
from ablations.units.unit import Shard, find_tasks, name_of, units_of
from ablations.units.where import Where
from downstream.tasks.task import Task
from results.rows.rows import read_rows

MODELS = [
    {"checkpoint": "logmel", "windows_ms": [[160], [320]]},
    {"checkpoint": "logmel", "weights": "none", "levels": [["mean"]], "label": "means"},
    {"checkpoint": "crepe_tiny", "timestamp_hop_ms": 100},
    {"checkpoint": "passt_l_kd_p16_128_ap47", "weights": "untrained-0"},
]


def study_of(tasks, models=MODELS, **changes) -> Study:
    return Study.from_dict({"name": "mine", "models": models, "tasks": [str(task) for task in tasks], **changes})


def made_up(*sizes: int) -> list[NamedTask]:
    """Tasks of so many clips, without folders."""
    tasks = []
    for number, size in enumerate(sizes):
        items = {"train": {f"{i}.wav": ("a",) for i in range(size)}}
        task = Task(f"t{number}", Path(f"/t{number}"), "scene", "multiclass", "", ("train",), ("a",), (), items)
        tasks.append(NamedTask(f"t{number // 2}", task))  # two folders a key, as beehive has
    return tasks


def assert_same_run(first: Path, second: Path) -> None:
    """Two folders of runs hold the same files and the same numbers, but for the seconds that these took."""
    files = {path.name for path in (first / "jobs").iterdir()}
    assert files
    assert {path.name for path in (second / "jobs").iterdir()} == files
    for name in files:
        paths = first / "jobs" / name, second / "jobs" / name
        if name.endswith(".json"):
            ours, other = (json.loads(path.read_text()) for path in paths)
            assert {**ours, "seconds": 0, "sum": ""} == {**other, "seconds": 0, "sum": ""}
        else:
            with np.load(paths[0]) as ours, np.load(paths[1]) as other:
                assert set(ours) == set(other)
                assert all(np.array_equal(ours[key], other[key]) for key in ours)
    rows, theirs = (read_rows(folder).drop(columns="seconds") for folder in (first, second))
    pd.testing.assert_frame_equal(rows, theirs)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 40])
def test_shards_cover_all_units_once_and_are_balanced(count):
    units = units_of(study_of(["t"]), made_up(10, 400, 50, 3, 80, 100, 20, 7))
    parts = [Shard(number, count).of(units) for number in range(1, count + 1)]
    assert sorted(map(id, itertools.chain(*parts))) == sorted(map(id, units))
    assert parts == [Shard(number, count).of(units) for number in range(1, count + 1)]
    homes = {}
    for number, part in enumerate(parts):
        for unit in part:
            assert homes.setdefault((unit.group, unit.named.key), number) == number
    loads = [sum(unit.weight for unit in part) for part in parts]
    pairs = {}
    for unit in units:
        pairs[unit.group, unit.named.key] = pairs.get((unit.group, unit.named.key), 0) + unit.weight
    assert max(loads) <= 1.001 * (sum(loads) / count + max(pairs.values()))


def test_what_costs_more_weighs_more():
    crepe, logmel, passt = units_of(study_of(["t"]), made_up(10))
    assert passt.weight > logmel.weight / logmel.rows
    assert units_of(study_of(["t"]), made_up(20))[0].weight == 2 * crepe.weight
    assert units_of(study_of(["t"], seeds=[0, 1, 2]), made_up(10))[1].weight > 2 * logmel.weight


def test_units_share_what_embeds():
    units = units_of(study_of(["t"], seeds=[0, 1]), made_up(1, 1))
    assert [(name_of(unit.group), unit.rows) for unit in units[::2]] == [
        ("crepe_tiny", 2),
        ("logmel", 6),
        ("passt_l_kd_p16_128_ap47", 2),
    ]


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2"])
def test_a_shard_that_is_none(text):
    result = CliRunner().invoke(main, ["run", "quickstart", "--shard", text])
    assert result.exit_code == 1
    assert f"Error: shard must be i/n with i from 1 to n, such as 1/4, got '{text}'" in result.stderr


def test_shards_are_without_ray():
    result = CliRunner().invoke(main, ["run", "quickstart", "--shard", "1/2", "--workers", "2"])
    assert result.exit_code == 2
    assert "--shard is without Ray" in result.stderr


def test_shards_give_the_files_of_one_run(tmp_path, scene_task, event_task):
    models = [{"checkpoint": "logmel", "windows_ms": [[160], [320]], "timestamp_hop_ms": 500}, MODELS[1]]
    models = [{**model, "timestamp_hop_ms": 500} for model in models] + [
        {"checkpoint": "crepe_tiny", "timestamp_hop_ms": 500}
    ]
    declared = study_of([scene_task(), event_task()], models, protocol="hear2021+grid1", seeds=[0, 1])
    store = tmp_path / "store"
    whole = run_study(declared, Where(tmp_path / "whole", store), Machine("cpu"))
    parts = [
        run_study(declared, Where(tmp_path / "parts", store), Machine("cpu"), shard=Shard(number, 3))
        for number in (3, 1, 2)
    ]
    assert whole.failures == parts[0].failures == ()
    for file in whole.folder.glob("jobs/*.json"):
        ours, other = (
            json.loads((folder / "jobs" / file.name).read_text()) for folder in (whole.folder, parts[0].folder)
        )
        assert {**ours, "seconds": 0, "sum": ""} == {**other, "seconds": 0, "sum": ""}
    rows, theirs = (read_rows(folder).drop(columns="seconds") for folder in (whole.folder, parts[0].folder))
    pd.testing.assert_frame_equal(rows, theirs)


def test_a_part_leaves_the_rows_of_others_and_drops_its_own_old_ones(tmp_path, scene_task):
    declared = study_of([scene_task()], MODELS[:1] + MODELS[2:3], protocol="hear2021+grid1")
    outcome = run_study(declared, Where(tmp_path / "runs", tmp_path / "store"), Machine("cpu"))
    before = (outcome.folder / "rows.csv").read_bytes()
    units = units_of(declared, find_tasks(declared, tmp_path, tmp_path, None))
    crepe, logmel = units
    StudyRows(declared, outcome.folder, units, []).write([], final=True)
    assert (outcome.folder / "rows.csv").read_bytes() == before
    StudyRows(declared, outcome.folder, units, [crepe]).write([], final=True)
    assert set(read_rows(outcome.folder)["spec"]) == {str(model.spec) for model in logmel.models}
    StudyRows(declared, outcome.folder, units, units).write([], final=True)
    assert read_rows(outcome.folder).empty


def test_rows_that_are_none_are_named(tmp_path):
    units = units_of(study_of(["t"]), made_up(1))
    (tmp_path / "rows.csv").write_text("spec,task,seed\na,b,none\n")
    with pytest.raises(ValueError, match="rows.csv: not the rows of a run; remove it"):
        StudyRows(study_of(["t"]), tmp_path, units, units)


def test_the_command_line_runs_a_shard(tmp_path, scene_task):
    file = tmp_path / "mine.yaml"
    text = {"name": "mine", "models": MODELS[2:3], "tasks": [str(scene_task())], "protocol": "hear2021+grid1"}
    file.write_text(yaml.safe_dump(text))
    places = ["--runs", str(tmp_path / "runs"), "--store", str(tmp_path / "store"), "--device", "cpu"]
    for shard, rows in (("2/2", 0), ("1/2", 1)):
        result = CliRunner().invoke(main, ["run", str(file), *places, "--shard", shard])
        assert result.exit_code == 0, result.stderr
        assert len(read_rows(tmp_path / "runs/mine")) == rows
    assert "Rows:" in result.stdout
    assert not (tmp_path / "runs/mine/table.md").exists()


def test_a_linked_task_is_called_as_its_link(tmp_path, scene_task):
    for name in ("tones", "other"):
        scene_task(f"disk/{name}/data")
        (tmp_path / f"{name}-v1").symlink_to(tmp_path / "disk" / name / "data")
    study = study_of([tmp_path / "tones-v1", tmp_path / "other-v1", tmp_path / "disk/../tones-v1"])
    found = find_tasks(study, tmp_path, tmp_path / "store", lambda *failure: pytest.fail(str(failure)))
    assert [named.key for named in found] == ["tones-v1", "other-v1"]
    assert [named.task.name for named in found] == ["tones-v1", "other-v1"]
    assert found[1].task.folder == tmp_path / "other-v1"
