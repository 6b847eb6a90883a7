"""Kept probes and what they predict: the numbers, events and scores that their job has."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.runs.run import run_study
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units.where import Where
from downstream.events.columns import event_columns
from downstream.scores import metrics
from downstream.tasks.task import Event, Task
from results.rows.predictions import read_predictions
from results.rows.rows import read_rows
from tests.conftest import metadata, tone, write_beeps, write_clip, write_pitches, write_task, write_tones
from tests.downstream.stores import flip

FOLDS = {"split_mode": "presplit_kfold", "splits": ["a", "b", "c"]}
LONGER = {"evaluation_params": {"task_specific_param_grid": {"max_epochs": [30], "hidden_dim": [64]}}}
TOKENS = {"checkpoint": "passt_demo", "weights": "untrained-0", "levels": [{"mean": "block1.tokens"}]}
WEIGHTED = {"checkpoint": "passt_demo", "weights": "untrained-0", "levels": [{"weighted": "block1..block2"}]}


def write_chords(folder: Path) -> Path:
    """A multilabel scene task: a low tone, a high tone, or both."""
    meta, items = metadata(prediction_type="multilabel", evaluation=["mAP"], **FOLDS), {}
    for split in meta["splits"]:
        items[split] = {f"{split}{i}.wav": (["low"], ["high"], ["low", "high"])[i % 3] for i in range(6)}
        for i, (file, labels) in enumerate(items[split].items()):
            sound = sum(tone({"low": 300, "high": 1500}[label] * (1 + 0.02 * i), 0.4) for label in labels)
            write_clip(folder / "16000" / split / file, sound)
    return write_task(folder, meta, ["low", "high"], items)


class World:
    """A folder with small tasks and studies, where commands are called."""

    def __init__(self, base: Path) -> None:
        self.base = base
        write_tones(base / "tasks" / "tones", **FOLDS)
        write_chords(base / "tasks" / "chords")
        write_pitches(base / "tasks" / "pitches", clips=6, **FOLDS)
        write_beeps(base / "tasks" / "beeps", **LONGER)

    def __call__(self, *arguments, status: int = 0) -> str:
        with pytest.MonkeyPatch.context() as patched:
            patched.chdir(self.base)
            patched.setenv("ABLATE_STORE", str(self.base / "store"))
            patched.setenv("HEAR_TASKS", str(self.base / "tasks"))
            patched.setenv("PASST_OFFLINE", "1")
            done = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert done.exit_code == status, done.output
        return done.output

    def run(self, study: Path) -> None:
        """Run a study without its table and figure."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("PASST_OFFLINE", "1")
            where = Where(self.base / "runs", self.base / "store", self.base / "tasks")
            outcome = run_study(Study.load(study), where, Machine("cpu"))
        assert not outcome.failures

    def declare(self, name: str, **changes) -> Path:
        content = {"name": name, "models": [{"checkpoint": "logmel"}], "tasks": ["tones"], "protocol": "hear2021+grid1"}
        path = self.base / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**content, **changes}))
        return path

    def runs(self, name: str) -> Path:
        return self.base / "runs" / name

    def clips(self, task: str, split: str) -> Path:
        return self.base / "tasks" / task / "16000" / split


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    made = World(tmp_path_factory.mktemp("world"))
    tasks = ["tones", "chords", "pitches", "beeps"]
    made.run(made.declare("kept", tasks=tasks, keep_probes=True))
    return made


def labels_in(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def job_of(folder: Path, task: str, model: str = "logmel") -> str:
    rows = read_rows(folder)
    return rows["job"][(rows["task"] == task) & (rows["model"] == model)].iloc[0]


def check_scenes(world: World, run: str, task: str, model: str = "logmel") -> int:
    """Hold what files are predicted, fold by fold, against the predictions of the job."""
    folder, count = world.runs(run), 0
    vocabulary = Task.from_dir(world.base / "tasks" / task).labels
    for fold in read_predictions(folder, job_of(folder, task, model)):
        out = world.base / "out" / run / f"{task}-{fold.fold}.csv"
        options = ("--fold", fold.fold, "--top", len(vocabulary), "--out", out, "--replace")
        world("predict", run, model, world.clips(task, fold.fold), "--task", task, *options)
        for row in labels_in(out):
            item = fold.files.tolist().index(Path(row["file"]).name)
            label = vocabulary.index(row.get("label") or row["target"])
            value = float(row.get("probability") or row["value"])
            assert value == pytest.approx(fold.prediction[item, label], rel=1e-6, abs=1e-6)
            count += 1
    return count


@pytest.mark.parametrize(("task", "labels"), [("tones", 2), ("chords", 2), ("pitches", 1)])
def test_scenes_are_predicted_as_in_the_evaluation(world, task, labels):
    assert check_scenes(world, "kept", task) == 3 * 6 * labels


def test_probabilities_are_those_of_the_task(world):
    out = world.base / "sums"
    for task in ("tones", "chords"):
        world("predict", "kept", "logmel", world.clips(task, "a"), "--task", task, "--out", out / f"{task}.csv")
    sums = {}
    for task in ("tones", "chords"):
        rows = labels_in(out / f"{task}.csv")
        files = dict.fromkeys(row["file"] for row in rows)
        sums[task] = [sum(float(row["probability"]) for row in rows if row["file"] == file) for file in files]
        assert [row["rank"] for row in rows[:2]] == ["1", "2"]
        assert float(rows[0]["probability"]) >= float(rows[1]["probability"])
    assert sums["tones"] == pytest.approx([1.0] * 6, abs=1e-5)  # softmax
    assert max(abs(total - 1) for total in sums["chords"]) > 0.01  # a sigmoid each


def test_all_folds_are_averaged(world):
    each = []
    for fold in ("a", "1", "c", "all"):
        out = world.base / f"mean-{fold}.csv"
        world(
            "predict", "kept", "logmel", world.clips("pitches", "a"), "--task", "pitches", "--fold", fold, "--out", out
        )
        each.append([float(row["value"]) for row in labels_in(out)])
    assert np.allclose(np.mean(each[:3], axis=0), each[3], atol=2e-6)
    assert not np.allclose(each[0], each[1])


def check_events(world: World, run: str) -> None:
    """Hold the scores of label files against the scores of the job."""
    folder, out = world.runs(run), world.base / "out" / run / "beeps"
    world("predict", run, "logmel", world.clips("beeps", "test"), "--task", "beeps", "--out", out)
    task = Task.from_dir(world.base / "tasks" / "beeps")
    files = list(task.items["test"])
    predicted = [
        [
            Event(row["label"], 1000 * float(row["onset_s"]), 1000 * float(row["offset_s"]))
            for row in labels_in(out / f"{file}.csv")
        ]
        for file in files
    ]
    assert sum(map(len, predicted)) >= 3
    if run == "logistic":  # not those that were moved by the threshold
        assert all(0 < float(row["probability"]) <= 1 for file in files for row in labels_in(out / f"{file}.csv"))
    reference = event_columns([task.items["test"][file] for file in files], task.labels)
    rows = read_rows(folder)
    for name in task.metrics:
        scores = metrics.get(name).score(reference, event_columns(predicted, task.labels))
        for metric, score in scores.items():
            known = rows["score"][(rows["task"] == "beeps") & (rows["metric"] == metric)].iloc[0]
            assert score == pytest.approx(known, abs=1e-9)


def test_events_are_those_that_were_scored(world):
    check_events(world, "kept")


@pytest.mark.parametrize("protocol", ["ridge", "logistic"])
def test_probes_without_epochs_are_kept_too(world, protocol):
    tasks = ["tones", "chords", "beeps"]
    world.run(world.declare(protocol, tasks=tasks, protocol=protocol, keep_probes=True))
    for task in ("tones", "chords"):
        assert check_scenes(world, protocol, task) == 36
    check_events(world, protocol)


def test_poolings_and_standardized_features(world):
    options = {"models": [TOKENS, WEIGHTED], "protocol": "hear2021+grid1+standardized", "keep_probes": True}
    world.run(world.declare("pooled", **options))
    models = list(dict.fromkeys(read_rows(world.runs("pooled"))["model"]))
    assert len(models) == 2
    for model in models:
        assert check_scenes(world, "pooled", "tones", model) == 36


def test_audacity_reads_events(world):
    csvs, tracks = world.base / "csvs", world.base / "tracks"
    clip = world.clips("beeps", "test") / "test0.wav"
    world("predict", "kept", "logmel", clip, "--task", "beeps", "--out", csvs)
    text = world("predict", "kept", "logmel", clip, "--task", "beeps", "--out", tracks, "--format", "audacity")
    lines = [line.split("\t") for line in (tracks / "test0.wav.txt").read_text().splitlines()]
    rows = labels_in(csvs / "test0.wav.csv")
    assert f"{len(rows)} events in 1 of 1 files" in text
    assert [(float(start), float(end), label) for start, end, label in lines] == [
        (float(row["onset_s"]), float(row["offset_s"]), row["label"]) for row in rows
    ]
    assert all(0.5 < float(row["probability"]) <= 1 for row in rows)


def test_other_rates_lengths_and_files_that_are_no_sound(world):
    folder = world.base / "new"
    write_clip(folder / "long.wav", tone(300, 7.3, 44100), 44100)
    write_clip(folder / "short.wav", tone(1500, 0.03, 8000), 8000)
    (folder / "text.wav").write_text("no sound")
    options = ("--task", "tones", "--out", world.base / "new.csv")
    output = world("predict", "kept", "logmel", folder, folder / "absent.wav", *options, status=1)
    assert "2 of 4 files" in output
    assert sum(line.startswith("Failed: ") for line in output.splitlines()) == 2
    assert "text.wav" in output
    assert "absent.wav" in output
    assert [row["file"].rpartition("/")[2] for row in labels_in(world.base / "new.csv")[::2]] == [
        "long.wav",
        "short.wav",
    ]
    output = world("predict", "kept", "logmel", folder / "short.wav", "--task", "beeps", "--out", world.base / "brief")
    assert "Shorter than the model's window: 1 files" in output


def test_errors_name_the_closest(world):
    clip = world.clips("tones", "a")
    where = ("--out", world.base / "nowhere")
    cases = [
        (("kept", "logmell", clip, "--task", "tones"), "no model 'logmell'", "did you mean 'logmel'"),
        (("kept", "logmel", clip, "--task", "tonse"), "no task 'tonse'", "did you mean 'tones'"),
        (("kept", "logmel", clip, "--task", "tones", "--fold", "d"), "no fold 'd'", "one of a, b, c, all"),
        (("kept", "logmel", clip, "--task", "tones", "--seed", "3"), "no seed 3", "expected 0"),
        (("kept", "logmel", clip, "--task", "tones", "--format", "audacity"), "format audacity", "expected csv"),
        (("keptt", "logmel", clip, "--task", "tones"), "no study or run 'keptt'", "did you mean 'kept'"),
    ]
    for arguments, *parts in cases:
        error = world("predict", *arguments, *where, status=1)
        assert all(part in error for part in parts), error
        assert len(error.splitlines()) == 1
    assert not (world.base / "nowhere").exists()


def test_label_files_are_replaced_only_where_asked(world):
    options = ("predict", "kept", "logmel", world.clips("tones", "b"), "--task", "tones", "--out", world.base / "twice")
    world(*options)
    assert "a label file is there already" in world(*options, status=1)
    world(*options, "--replace")


def test_a_run_without_probes_gets_them_and_keeps_its_numbers(world):
    study = world.declare("later")
    world.run(study)
    folder = world.runs("later")
    key = job_of(folder, "tones")
    assert key == job_of(world.runs("kept"), "tones")  # probes are no part of it
    files = [folder / "rows.csv", *(folder / "jobs" / f"{key}.{kind}" for kind in ("json", "npz"))]
    before = [file.read_bytes() for file in files]
    assert not list(folder.glob("jobs/*.safetensors"))
    error = world("predict", "later", "logmel", world.clips("tones", "a"), "--task", "tones", status=1)
    assert "keeps no probes of logmel on tones; `ablate run " in error
    assert "--keep-probes` trains" in error
    assert "|      0 |" in world("run", study, "--keep-probes", "--dry-run")
    world("run", study, "--keep-probes")
    assert [file.read_bytes() for file in files] == before
    probes = folder / "jobs" / f"{key}.probes.safetensors"
    assert probes.read_bytes() == (world.runs("kept") / "jobs" / probes.name).read_bytes()
    made, kept = probes.stat().st_mtime_ns, world.declare("later", keep_probes=True)
    world.run(kept)
    assert probes.stat().st_mtime_ns == made
    assert check_scenes(world, "later", "tones") == 36
    flip(probes, probes.stat().st_size - 100)
    error = world("predict", "later", "logmel", world.clips("tones", "a"), "--task", "tones", status=1)
    assert "not what was written here" in error
    world.run(kept)
    assert check_scenes(world, "later", "tones") == 36
    assert not world("store", "check", "--runs", world.base / "runs").startswith("Error")


def test_probes_of_other_scores_are_not_kept(world):
    folder = world.runs("others")
    shutil.copytree(world.runs("kept"), folder)
    study = world.declare("others", keep_probes=True)
    key = job_of(folder, "tones")
    job = folder / "jobs" / f"{key}.json"
    from results.rows.job_files import _sum_of

    content = json.loads(job.read_text())
    content.pop("sum")
    content["folds"][0]["scores"]["top1_acc"] = 0.123
    job.write_text(json.dumps({**content, "sum": _sum_of(content)}))
    output = world("run", study, status=1)
    assert "fold a: top1_acc" in output
    assert "expected 0.123" in output
    assert json.loads(job.read_text())["folds"][0]["scores"]["top1_acc"] == 0.123
    error = world("predict", "others", "logmel", world.clips("tones", "a"), "--task", "tones", status=1)
    assert "not the probes of the scores" in error


def test_a_model_that_has_changed_is_refused(world, monkeypatch):
    from ablations.models.baselines.logmel import LogMelEmbedder

    monkeypatch.setattr(LogMelEmbedder, "fingerprint", "0" * 16, raising=False)
    options = ("--task", "tones", "--out", world.base / "changed")
    error = world("predict", "kept", "logmel", world.clips("tones", "a"), *options, status=1)
    assert "logmel is not the model that its probes were trained on: it is 0000000000000000" in error


def test_neighbors_keep_nothing(world):
    error = world("run", world.declare("near", protocol="knn", keep_probes=True), status=1)
    assert "keep_probes: not under protocol knn" in error
    with pytest.raises(ValueError, match="true or false"):
        Study.from_dict({"name": "x", "models": [{"checkpoint": "logmel"}], "tasks": ["tones"], "keep_probes": "yes"})


def test_a_study_under_other_protocols_may_keep_probes(world):
    from ablations.runs.protocols import protocol_studies
    from ablations.units.kept import keeps_probes

    study = Study.load(world.declare("several", keep_probes=True))
    parts = protocol_studies(study, ("knn", "ridge"))
    assert [keeps_probes(part) for part in parts] == [False, True]
