"""The commands export, probe and crosscheck as they are typed."""

import json
import shutil

import pytest
from click.testing import CliRunner

from ablations.benchmarks import events, probes
from ablations.cli import kit
from ablations.kit.export import export
from ablations.system.compute import Machine
from ablations.units.where import Where
from downstream.kit.scores import NAME
from tests.reference_values import REFERENCE

CPU = Machine("cpu")


def run(command, *args):
    return CliRunner().invoke(command, list(map(str, args)))


@pytest.fixture
def exported(scene_task, tmp_path):
    def make(name: str = "kit", **changes):
        folds = {"split_mode": "presplit_kfold", "splits": ["f0", "f1", "f2"], **changes}
        folder = scene_task(name=f"tones-{name}", **folds)
        return export("logmel", str(folder), tmp_path / name, where=Where(store=tmp_path / "store"), machine=CPU)[0]

    return make


def test_export_then_probe(scene_task, tmp_path):
    folder = scene_task()
    result = run(kit.export, "logmel", folder, "--out", tmp_path / "out", "--store", tmp_path / "s", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert f"Written: {tmp_path / 'out' / 'tones'}" in result.output
    result = run(kit.probe, tmp_path / "out" / "tones", "--device", "cpu")
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "out" / "tones" / NAME).read_text())
    assert f"| test   | top1_acc | {scores['test']['test_top1_acc']:.4f}" in result.output
    assert "+-" not in result.output
    assert f"Scores: {tmp_path / 'out' / 'tones' / NAME}" in result.output


def test_probe_shows_folds_and_their_mean(exported, tmp_path):
    folder = exported()
    result = run(kit.probe, folder, "--device", "cpu", "--out", tmp_path / "scores")
    assert result.exit_code == 0, result.output
    assert not (folder / NAME).exists()
    scores = json.loads((tmp_path / "scores" / folder.name / NAME).read_text())
    mean, std = (scores["aggregated_scores"][f"test_top1_acc_{kind}"] for kind in ("mean", "std"))
    assert f"| mean +- std | top1_acc | {mean:.4f} +- {std:.4f}" in result.output
    assert all(f"| {fold}" in result.output for fold in ("f0", "f1", "f2"))


def test_the_seed_decides(exported, tmp_path):
    folder, losses = exported(), []
    for seed in (0, 0, 1):
        out = tmp_path / "scores"
        assert run(kit.probe, folder, "--device", "cpu", "--out", out, "--seed", seed).exit_code == 0
        losses.append(json.loads((out / folder.name / NAME).read_text())["f0"]["test_loss"])
    assert losses[0] == losses[1] != losses[2]


def test_one_bad_folder_does_not_stop_the_others(exported, tmp_path):
    good = exported()
    bad = shutil.copytree(good, tmp_path / "bad")
    (bad / "f1.embeddings.npy").write_bytes(b"half")
    result = run(kit.probe, bad, tmp_path / "absent", good, "--device", "cpu")
    assert result.exit_code == 1
    assert "f1.embeddings.npy: 4 bytes, expected" in result.output
    assert f"Failed: no task folder at {tmp_path / 'absent'}" in result.output
    assert (good / NAME).is_file()
    assert not (bad / NAME).exists()


def test_the_kits_own_scores_are_kept(tmp_path):
    folder = shutil.copytree(REFERENCE / "heareval" / "multiclass", tmp_path / "multiclass")
    (folder / "prediction-done.json").write_text("{}")
    result = run(kit.probe, folder)
    assert result.exit_code == 1
    assert "is hear-eval-kit's own (prediction-done.json is there); --out keeps both" in result.output


def test_folders_of_one_name_do_not_share_a_place(tmp_path):
    folders = [tmp_path / module / "esc50" for module in ("a", "b")]
    places = kit.places(folders, tmp_path / "out")
    assert list(places.values()) == [tmp_path / "out" / module / "esc50" / NAME for module in ("a", "b")]
    assert kit.places(folders[:1], tmp_path / "out") == {folders[0]: tmp_path / "out" / "esc50" / NAME}
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="out: expected a folder, got the file"):
        kit.places(folders, tmp_path / "file")
    with pytest.raises(ValueError, match="two folders are called a/esc50"):
        kit.places([folders[0], tmp_path / "c" / "a" / "esc50"], tmp_path / "out")


def test_crosscheck_without_a_kit_says_how_to_make_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(kit.crosscheck)
    assert result.exit_code == 1
    assert "`make kit` makes .kit/bin/python" in result.output


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (kit.crosscheck, ["--out", "FOLDER"]),
        (kit.crosscheck, ["--out", "FILE/found.json"]),
        (probes.main, ["--out", "FOLDER"]),
        (events.main, ["--out", "FILE/a/found.json"]),
        (kit.export, ["logmel", "digits", "--out", "FILE/a"]),
        (kit.probe, ["FOLDER", "--out", "FILE/a"]),
        (probes.main, ["FILE"]),
        (events.main, ["--kit", "absent"]),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_computed(command, arguments, tmp_path, monkeypatch):
    (tmp_path / "FILE").write_text("")
    (tmp_path / "FOLDER").mkdir()
    monkeypatch.chdir(tmp_path)
    wanted = {
        "FOLDER": "is a directory",
        "FILE": "no task folder",
        "absent": "no interpreter",
    }.get(arguments[-1], "FILE is a file, expected a folder")
    for module, name in (
        (kit, "probe_folder"),
        (kit.process, "interpreter"),
        (probes, "product_rates"),
    ):
        if wanted != "no interpreter":
            monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("computed"))
    result = run(command, *arguments)
    assert result.exit_code
    assert wanted in result.output
    assert isinstance(result.exception, SystemExit)
