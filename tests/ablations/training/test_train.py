"""`ablate train` from lists of files to weights: folders, tar shards, what can't be read."""

import csv
import dataclasses
import tarfile

import numpy as np
import pytest
import soundfile
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.training.clips import LabeledFiles, Places, vocabulary
from ablations.training.train import RECIPES, load_recipe, load_stages
from passt import PasstEmbedder
from passt.catalog import checkpoints
from tests.conftest import tone

RECIPE = {
    "name": "mine",
    "steps": 4,
    "batch": 4,
    "lr": 1e-3,
    "architecture": {"width": 32, "heads": 2, "depth": 2, "n_frames": 40},
    "clips": {"seconds": 0.4, "balanced": True},
    "patchout": {"rows": 2, "columns": 1},
    "log_every": 1,
}


@pytest.fixture
def clips(tmp_path):
    """Eight tones of two labels and two rates below audio/, one of them no audio, one absent; two lists."""
    folder = tmp_path / "audio"
    (folder / "deep").mkdir(parents=True)
    rows = []
    for i in range(8):
        rate, labels = (16000, 44100)[i % 2], ("low", "high, loud", "")[i % 3]
        name = f"deep/{i}.wav" if i > 5 else f"{i}.flac"
        soundfile.write(folder / name, tone(200 * (i + 1), 0.3 + 0.05 * i, rate), rate)
        rows.append((name, labels))
    (folder / "3.flac").write_text("no audio")
    for name, some in (("train", [*rows, ("absent.wav", "low")]), ("eval", rows[2:6])):
        with (tmp_path / f"{name}.csv").open("w", newline="") as out:
            csv.writer(out).writerows([("file", "labels"), *some])
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return tmp_path


def train(clips, out, *options, recipe="recipe.yaml"):
    lists = ("--data", clips / "train.csv", "--eval", clips / "eval.csv", "--out", clips / out)
    arguments = ["train", clips / recipe if recipe.endswith("yaml") else recipe, *lists, "--device", "cpu", *options]
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_list_of_files_becomes_weights_that_embed(clips, monkeypatch):
    result = train(clips, "run", "--audio", clips / "audio")
    assert result.exit_code == 0, result.output
    assert "4 steps in " in result.output
    assert f"2 files could not be read: {clips / 'run' / 'unreadable.csv'}" in result.output
    with (clips / "run" / "unreadable.csv").open(newline="") as file:
        reasons = {row["file"]: row["reason"] for row in csv.DictReader(file)}
    assert reasons["absent.wav"] == "absent.wav: in none of the folders and tar files"
    assert "/audio/3.flac: not readable as audio" in reasons["3.flac"]
    shape = {**RECIPE["architecture"], "n_classes": 3}
    row = dataclasses.replace(checkpoints.get("passt_s_swa_p16_128_ap476"), name="mine", **shape)
    monkeypatch.setattr(checkpoints, "table", lambda: {"mine": row})
    assert (
        PasstEmbedder(row.card.spec(), weights=clips / "run" / "weights.safetensors", device="cpu").dims["logits"] == 3
    )
    again = train(clips, "run", "--audio", clips / "audio")
    assert again.output.splitlines()[-1] == result.output.splitlines()[-1]


@pytest.mark.parametrize(("network", "spec"), [("passt", "passt_demo"), ("mn01", "mn01_as")])
def test_what_was_trained_on_own_labels_is_embedded(clips, network, spec):
    shape = {"architecture": {"width": 192, "heads": 3}} if network == "passt" else {}
    own = {**RECIPE, "architecture": {}, "steps": 1, "patchout": {}, "network": network, **shape}
    (clips / "own.yaml").write_text(yaml.safe_dump(own))
    assert train(clips, "own", "--audio", clips / "audio", recipe="own.yaml").exit_code == 0
    weights, sound = clips / "own" / "weights.safetensors", clips / "audio" / "0.flac"
    for levels in ("logits+melmean", "melmean+block3"):
        out = clips / f"{levels}.npz"
        options = ("--spec", f"{spec}@{levels}", "--weights", weights, "--out", out, "--scene", "--device", "cpu")
        result = CliRunner().invoke(main, [str(argument) for argument in ("embed", sound, *options)])
        assert result.exit_code == 0, result.output
    with np.load(clips / "logits+melmean.npz") as found:
        assert found["labels"].tolist() == ["high", "loud", "low"]
        assert found["scene"].shape == (3 + 128,)
    with np.load(clips / "melmean+block3.npz") as found:
        assert "labels" not in found


def test_tar_shards_are_folders(clips):
    with tarfile.open(clips / "a.tar", "w") as first, tarfile.open(clips / "b.tar", "w") as second:
        for i, path in enumerate(sorted((clips / "audio").rglob("*.*"))):
            name = str(path.relative_to(clips / "audio"))
            (first, second)[i % 2].add(path, f"./{name}" if i % 3 else name)
    assert train(clips, "folders", "--audio", clips / "audio").exit_code == 0
    result = train(clips, "shards", "--audio", clips / "a.tar", "--audio", clips / "b.tar")
    assert result.exit_code == 0, result.output
    found, wanted = ((clips / name / "weights.safetensors").read_bytes() for name in ("shards", "folders"))
    assert found == wanted


def test_audio_is_mono_at_the_rate_wanted(clips):
    both = np.stack([tone(1000, 0.5), np.zeros(8000)], axis=1)
    soundfile.write(clips / "audio" / "stereo.wav", both, 16000)
    places = Places.of([clips / "audio"])
    found = places.read("stereo.wav", 32000)
    assert found.dtype == np.float32
    assert found.shape == (16000,)
    middle = slice(2000, -2000)
    assert np.abs(found - 0.5 * tone(1000, 0.5, 32000))[middle].max() < 1e-3
    soundfile.write(clips / "audio" / "empty.wav", np.zeros(0), 16000)
    with pytest.raises(ValueError, match="empty.wav: 0 samples"):
        places.read("empty.wav", 32000)


def test_training_refuses_what_embedding_refuses(clips):
    folder = clips / "audio"
    soundfile.write(folder / "whole.wav", tone(1000, 0.5), 16000, subtype="FLOAT")
    whole = (folder / "whole.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[:8000])
    (folder / "tenth.wav").write_bytes(whole[:76] + (3200).to_bytes(4, "little") + whole[80:])
    soundfile.write(folder / "loud.wav", 32768 * tone(1000, 0.5), 16000, subtype="FLOAT")
    soundfile.write(folder / "cut.mp3", tone(1000, 0.5), 16000)
    (folder / "cut.mp3").write_bytes((folder / "cut.mp3").read_bytes()[:1500])
    reasons = {
        "cut.wav": "cut short",
        "tenth.wav": "header is wrong",
        "loud.wav": "samples up to",
        "cut.mp3": "cut short",
    }
    with tarfile.open(clips / "shard.tar", "w") as shard:
        for name in [*reasons, "whole.wav"]:
            shard.add(folder / name, name)
    for places in (Places.of([folder]), Places.of([clips / "shard.tar"])):
        assert np.array_equal(places.read("whole.wav", 16000), tone(1000, 0.5).astype(np.float32))
        for name, reason in reasons.items():
            with pytest.raises(ValueError, match=f"/{name}: .*{reason}"):
                places.read(name, 16000)


def test_labels_are_those_of_the_list_or_of_a_vocabulary(clips):
    listed = LabeledFiles.load(clips / "train.csv")
    assert listed.labels[:3] == (("low",), ("high", "loud"), ())
    assert vocabulary(None, listed) == ("high", "loud", "low")
    assert listed.targets(("high", "loud", "low"))[:3].tolist() == [[0, 0, 1], [1, 1, 0], [0, 0, 0]]
    (clips / "hear.csv").write_text("idx,label\n0,low\n1,loud\n2,high\n")
    (clips / "audioset.csv").write_text('index,mid,display_name\n0,low,"Low, deep"\n1,high,High\n')
    assert vocabulary(clips / "hear.csv", listed) == ("low", "loud", "high")
    assert vocabulary(clips / "audioset.csv", listed) == ("low", "high")
    result = train(clips, "run", "--audio", clips / "audio", "--labels", clips / "audioset.csv")
    assert result.exit_code == 1
    assert "train.csv: 1.flac: label 'loud' is none of the 2 there are" in result.output


def test_another_separator(clips):
    (clips / "other.csv").write_text("file,labels\n0.flac,low;high\n")
    assert LabeledFiles.load(clips / "other.csv", ";").labels == (("low", "high"),)


def test_packaged_recipes_are_recipes():
    packaged = sorted(path.stem for path in RECIPES.glob("*.yaml"))
    assert "passt_s" in packaged
    assert all(load_recipe(name).name == name for name in packaged)
    assert [stage.name for stage in load_stages("passt_demo")] == ["passt_demo_first", "passt_demo"]
    (one,) = load_stages("passt_s", steps=3)
    assert (one.steps, one.batch, one.lr, one.architecture.n_classes) == (3, 12, 2e-5, 527)
    one.patchout.tokens(one.architecture.grid)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--audio", "nowhere"], "no folder or tar file of audio at nowhere"),
        (["--audio", "recipe.yaml"], "recipe.yaml: not an uncompressed tar file"),
        (["--labels", "eval.csv"], "eval.csv: must have a column label or mid"),
        (["--data", "recipe.yaml"], "recipe.yaml: must have the columns file, labels; file is absent"),
        (["--data", "nowhere.csv"], "no list at nowhere.csv"),
        (["--steps", "0"], "steps must be 1 or more, got 0"),
        (["--device", "tpu"], "device must be cpu"),
    ],
)
def test_errors_are_one_line(clips, options, message, monkeypatch):
    monkeypatch.chdir(clips)
    result = train(clips, "run", *options)
    assert result.exit_code == 1
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_recipes_that_are_none_are_named(clips):
    assert "no recipe 'passt_x' (did you mean 'passt_s'?)" in train(clips, "run", recipe="passt_x").output
    (clips / "bad.yaml").write_text("name: x\nstepz: 3\n")
    assert "bad.yaml: recipe: unknown key 'stepz'" in train(clips, "run", recipe="bad.yaml").output


def test_a_folder_keeps_its_lists(clips):
    assert train(clips, "run", "--audio", clips / "audio").exit_code == 0
    with (clips / "eval.csv").open("a") as out:
        out.write("7.wav,low\n")
    result = train(clips, "run", "--audio", clips / "audio")
    assert result.exit_code == 1
    assert "was trained with other evaluation clips" in result.output
