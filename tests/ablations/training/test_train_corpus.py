"""`ablate train` on the synthesized corpus: a PaSST and a MobileNet, half precision, a tagger's labels, the card."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import safetensors.torch
import torch
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.models.baselines.mobilenet import MobileNet
from ablations.training import sources
from ablations.training.corpus import Corpus, Windowed
from ablations.training.sources import Tagged, corpus_clips
from ablations.training.students import student_of
from ablations.training.train import load_recipe
from passt.fetch.download import sha256_of
from passt.training.declared.recipe import Recipe

RECIPE = {
    "name": "small",
    "steps": 3,
    "batch": 4,
    "lr": 1e-3,
    "architecture": {"width": 32, "heads": 2, "depth": 2, "n_frames": 120},
    "clips": {"source": "corpus", "seconds": 1},
    "patchout": {"rows": 4, "columns": 2},
    "evaluation_clips": 6,
    "log_every": 1,
    "half": True,
}


def train(folder, *options, **changes):
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(RECIPE | changes))
    arguments = ["train", path, "--out", folder / "run", "--device", "cpu", "--workers", 0, *options]
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_recipe_of_the_corpus_needs_no_files_and_writes_half_weights_with_their_card(tmp_path):
    found = train(tmp_path)
    assert found.exit_code == 0, found.output
    weights = tmp_path / "run" / "weights.safetensors"
    tensors = safetensors.torch.load_file(weights)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert card["recipe"] == load_recipe(str(tmp_path / "recipe.yaml")).to_dict()
    assert (card["steps"], card["clips"], card["labels"]) == (3, 12, len(Corpus.labels))
    assert card["sha256"] == sha256_of(weights)
    assert card["bytes"] == weights.stat().st_size
    assert card["parameters"] == sum(tensor.numel() for tensor in tensors.values())
    assert card["data"]["training"] == Corpus(1.0, 0).fingerprint != card["data"]["evaluation"]
    assert 0 < card["mAP"] < 1
    assert train(tmp_path).output == found.output  # complete already


def test_a_convolutional_network_is_trained_by_the_same_command(tmp_path):
    found = train(tmp_path, network="mn01", patchout={}, precision="bf16")
    assert found.exit_code == 0, found.output
    tensors = safetensors.torch.load_file(tmp_path / "run" / "weights.safetensors")
    net = MobileNet(0.1, len(Corpus.labels))
    net.load_state_dict(tensors, strict=True)
    assert int(tensors["features.0.1.num_batches_tracked"]) == 3
    fresh = student_of(Recipe.from_dict(RECIPE | {"network": "mn01", "patchout": {}}), len(Corpus.labels)).net
    moved = [name for name, value in fresh.state_dict().items() if not torch.equal(value.half(), tensors[name].half())]
    assert {"features.0.0.weight", "classifier.5.bias", "features.0.1.running_mean"} <= set(moved)


class Tagger:
    """Says of a clip how loud it is, in two classes."""

    dims, fingerprint = {"logits": 2}, "0123456789abcdef"

    def scene(self, clips, taps):
        levels = torch.stack([clip.abs().mean().log() for clip in clips])
        return {taps[0]: torch.stack([levels, -levels], dim=1)}


def test_what_a_tagger_says_are_further_labels_of_training_clips_alone(monkeypatch):
    monkeypatch.setattr(sources.registry, "build", lambda *args, **options: Tagger())
    clips = {**RECIPE["clips"], "tagger": "mn04_as"}
    training, evaluation = corpus_clips(Recipe.from_dict(RECIPE | {"clips": clips}), "cpu")
    assert training.labels == evaluation.labels == (*Corpus.labels, "mn04_as: 0", "mn04_as: 1")
    audio, labels = training.batch(2, 3)
    plain, own = Corpus(1.0, 0).batch(2, 3)
    assert torch.equal(audio, plain)
    assert torch.equal(labels[:, :-2], own)
    level = plain.abs().mean(1)
    torch.testing.assert_close(labels[:, -2], level / (1 + level))
    other, said = evaluation.batch(2, 3)
    assert not torch.equal(other, plain)
    assert not said[:, -2:].any()
    assert training.fingerprint == f"{Corpus(1.0, 0).fingerprint}+0123456789abcdef" != evaluation.fingerprint
    assert isinstance(training, Tagged)


def test_training_with_a_tagger_is_scored_on_the_own_labels(tmp_path, monkeypatch):
    monkeypatch.setattr(sources.registry, "build", lambda *args, **options: Tagger())
    found = train(tmp_path, clips={**RECIPE["clips"], "tagger": "mn04_as"})
    assert found.exit_code == 0, found.output
    card = json.loads((tmp_path / "run" / "card.json").read_text())
    assert card["labels"] == len(Corpus.labels) + 2
    assert 0 < card["mAP"] < 1


def test_windows_are_trained_on_and_whole_clips_evaluated(tmp_path):
    clips = {**RECIPE["clips"], "windows": True}
    training, evaluation = corpus_clips(Recipe.from_dict(RECIPE | {"clips": clips}), "cpu")
    assert isinstance(training, Windowed)
    assert isinstance(evaluation, Corpus)
    whole = train(tmp_path)
    (tmp_path / "cut").mkdir()
    found = train(tmp_path / "cut", clips=clips)
    assert found.exit_code == whole.exit_code == 0, found.output
    card = json.loads((tmp_path / "cut" / "run" / "card.json").read_text())
    assert card["data"] == {"training": training.fingerprint, "evaluation": evaluation.fingerprint}
    states = [
        safetensors.torch.load_file(folder / "run" / "weights.safetensors") for folder in (tmp_path, tmp_path / "cut")
    ]
    assert not torch.equal(*(state["blocks.0.mlp.fc1.weight"] for state in states))


def test_weights_of_a_file_are_started_with_and_named(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    assert train(tmp_path / "first", clips={"source": "corpus", "seconds": 1}).exit_code == 0
    file = tmp_path / "first" / "run" / "weights.safetensors"
    changes = {"start": "file", "seed": 1, "lr": 1e-9}
    found = train(tmp_path / "second", "--start", str(file), **changes)
    assert found.exit_code == 0, found.output
    card = json.loads((tmp_path / "second" / "run" / "card.json").read_text())
    assert card["data"]["start"] == sha256_of(file)
    before, after = (safetensors.torch.load_file(tmp_path / name / "run" / file.name) for name in ("first", "second"))
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-3)
    (tmp_path / "second" / "other.safetensors").write_bytes(file.read_bytes()[:-4] + bytes(4))
    other = train(tmp_path / "second", "--start", str(tmp_path / "second" / "other.safetensors"), **changes)
    assert other.exit_code == 1
    assert f"was trained with another start, of fingerprint {sha256_of(file)}" in other.output


def test_a_training_from_a_file_begins_its_log_with_the_score_of_that_file(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    assert train(tmp_path / "first").exit_code == 0
    changes = {"start": "file", "lr": 1e-9, "evaluate_every": 2}
    file = tmp_path / "first" / "run" / "weights.safetensors"
    found = train(tmp_path / "second", "--start", str(file), **changes)
    assert found.exit_code == 0, found.output
    log = pd.read_csv(tmp_path / "second" / "run" / "log.csv")
    card = json.loads((tmp_path / "first" / "run" / "card.json").read_text())  # of the same held-out clips
    assert list(log["step"]) == [0, 1, 2, 3]
    assert log["mAP"][0] == pytest.approx(card["mAP"], abs=1e-4)
    assert log["mAP"][3] == pytest.approx(card["mAP"], abs=1e-2)
    assert log[["loss", "clips_per_s"]].isna().any(axis=1).tolist() == [True, False, False, False]
    assert f"Curve: {tmp_path / 'second' / 'run' / 'figure.png'}" in found.output
    assert (tmp_path / "second" / "run" / "figure.png").is_file()


def test_a_recipe_after_another_one_trains_both_and_gives_what_they_give_one_by_one(tmp_path):
    first = RECIPE | {"name": "stage", "steps": 2}
    (tmp_path / "stage.yaml").write_text(yaml.safe_dump(first))
    changes = {"start": "file", "after": "stage.yaml", "seed": 1}
    found = train(tmp_path, **changes)
    assert found.exit_code == 0, found.output
    assert train(tmp_path, **changes).output == found.output  # complete already
    apart = tmp_path / "apart"
    apart.mkdir()
    assert train(apart, **first).exit_code == 0
    start = (apart / "run").rename(apart / "first") / "weights.safetensors"
    assert train(apart, "--start", str(start), **changes).exit_code == 0
    assert sha256_of(start) == sha256_of(tmp_path / "run" / "stage" / "weights.safetensors")
    assert sha256_of(apart / "run" / "weights.safetensors") == sha256_of(tmp_path / "run" / "weights.safetensors")
    assert not (apart / "run" / "stage").exists()


def test_processes_of_torchrun_train_one_stage_after_the_other(tmp_path):
    parts = {"micro_batch": 2, "evaluation_clips": 4, "steps": 2}
    (tmp_path / "stage.yaml").write_text(yaml.safe_dump(RECIPE | parts | {"name": "stage"}))
    changes = {**parts, "start": "file", "after": "stage.yaml", "seed": 1}
    assert train(tmp_path, **changes).exit_code == 0
    here = Path(sys.executable).parent
    command = [here / "torchrun", "--nproc-per-node", 2, "--no-python", here / "ablate", "train", "recipe.yaml"]
    command += ["--out", "several", "--device", "cpu", "--workers", 0]
    found = subprocess.run([str(word) for word in command], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("Weights: ") == 2  # of each stage once
    for place in ("", "stage"):
        alone, several = (
            safetensors.torch.load_file(tmp_path / run / place / "weights.safetensors") for run in ("run", "several")
        )
        for name, value in alone.items():
            torch.testing.assert_close(several[name].float(), value.float(), atol=1e-4, rtol=1e-3)  # lr 1e-3


@pytest.mark.parametrize(
    ("options", "changes", "message"),
    [
        (("--data", "x.csv"), {}, "recipe small: trains on the synthesized corpus and takes no --data"),
        ((), {"clips": {"seconds": 1}}, "recipe small: trains on lists of files and needs --data and --eval"),
        ((), {"clips": {"source": "web"}}, "clips source must be one of files, corpus, got 'web'"),
        ((), {"clips": {"tagger": "mn04_as"}}, "clips tagger is for the corpus, got 'mn04_as' and files"),
        ((), {"clips": {"windows": True}}, "clips windows are for the corpus, got true and files"),
        ((), {"clips": {"source": "corpus", "epoch": 5}}, "clips balanced and epoch are for files"),
        ((), {"clips": {"source": "corpus", "tagger": "mn99"}}, "unknown checkpoint 'mn99'"),
        ((), {"clips": {"source": "corpus", "tagger": "logmel"}}, "logmel: unknown level 'logits'"),
        ((), {"network": "resnet"}, "recipe: network must be passt or mnNN (mn10, a MobileNet of width 1.0), got"),
        ((), {"network": "mn10"}, "patchout is for networks of patches"),
        (
            (),
            {"network": "mn10", "start": "imagenet"},
            "recipe: start must be untrained or file for mn10, got 'imagenet'",
        ),
        ((), {"start": "file"}, "recipe small: needs --start, weights of a file"),
        (("--start", "x.pt"), {}, "recipe small: starts untrained and takes no --start"),
        (("--start", "x.pt"), {"start": "file"}, "x.pt"),
        ((), {"after": "passt_s"}, "after is for start: file, got 'passt_s' and start: untrained"),
        ((), {"start": "file", "after": "passt_x"}, "no recipe 'passt_x'"),
        ((), {"start": "file", "after": "passt_s"}, "recipe passt_s: trains on lists of files and needs --data"),
        ((), {"start": "file", "after": "recipe.yaml"}, "recipe small: comes after itself, by way of 'recipe.yaml'"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path, options, changes, message):
    found = train(tmp_path, *options, **changes)
    assert found.exit_code == 1
    assert message in found.output
    assert len(found.output.strip().splitlines()) == 1
