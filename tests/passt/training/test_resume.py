"""Trainings go on after a kill, and what they leave in their folders."""

import dataclasses
import json
import random

import pytest
import safetensors
import safetensors.torch
import torch

from passt import PasstEmbedder
from passt.catalog import checkpoints
from passt.training import train as module
from passt.training.declared.recipe import Recipe
from passt.training.folder.state import write_weights
from passt.weights.training_notes import TrainingNotes
from tests.passt.training.children import killed_at
from tests.passt.training.toy import (
    EVERY_PART,
    LABELS,
    ROUNDING,
    Tones,
    assert_close,
    assert_equal,
    recipe,
    rows_of,
    run,
    weights_of,
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    result = run(folder, source=Tones(), evaluation=Tones(), **EVERY_PART)
    return folder, result


def test_a_killed_training_ends_with_the_same_weights(undisturbed, tmp_path):
    wanted, result = undisturbed
    random_steps = random.Random(5)
    first = random_steps.randint(2, 6)
    killed_at(first, tmp_path, **EVERY_PART)
    assert not (tmp_path / "weights.safetensors").exists()
    assert len(rows_of(tmp_path)) == first - 1
    killed_at(random_steps.randint(2, 5), tmp_path, **EVERY_PART)
    (tmp_path / "log.csv").open("a").write("99,0.1")  # what a kill leaves of a row
    found = run(tmp_path, evaluation=Tones(), **EVERY_PART)
    assert_equal(weights_of(tmp_path), weights_of(wanted))
    assert (found.mAP, found.loss) == (result.mAP, result.loss)
    columns = ("step", "loss", "lr", "mAP")
    rows = [[[row[name] for name in columns] for row in rows_of(folder)] for folder in (tmp_path, wanted)]
    assert rows[0] == rows[1]
    assert [row[0] for row in rows[0]] == [str(step) for step in range(1, 13)]
    assert [row[0] for row in rows[0] if row[3]] == ["5", "10", "12"]


def test_a_training_killed_between_two_rows_of_its_log_goes_on_with_its_loss(tmp_path):
    changes = {**EVERY_PART, "log_every": 4, "evaluate_every": 0}
    run(tmp_path / "one", evaluation=Tones(), **changes)
    killed_at(7, tmp_path / "two", **changes)
    assert torch.load(tmp_path / "two" / "state.pt")["step"] == 6
    run(tmp_path / "two", evaluation=Tones(), **changes)
    assert_equal(weights_of(tmp_path / "two"), weights_of(tmp_path / "one"))
    found, wanted = ([(row["step"], row["loss"]) for row in rows_of(tmp_path / name)] for name in ("two", "one"))
    assert found == wanted
    assert [step for step, _ in found] == ["4", "8", "12"]


def test_a_training_that_ended_is_not_done_again_and_a_longer_one_goes_on(undisturbed, tmp_path, monkeypatch):
    wanted, result = undisturbed
    run(tmp_path, evaluation=Tones(), **{**EVERY_PART, "steps": 7})
    with pytest.raises(ValueError, match="trained 7 steps already, the recipe has 5"):
        run(tmp_path, evaluation=Tones(), **{**EVERY_PART, "steps": 5})
    assert run(tmp_path, evaluation=Tones(), **EVERY_PART).mAP == result.mAP
    assert_equal(weights_of(tmp_path), weights_of(wanted))
    monkeypatch.setattr(module, "backward", None)
    assert run(tmp_path, evaluation=Tones(), **EVERY_PART).loss == result.loss


def test_the_weights_do_not_depend_on_threads_or_on_the_log(undisturbed, tmp_path):
    wanted, _ = undisturbed
    run(tmp_path, evaluation=Tones(), **{**EVERY_PART, "log_every": 5, "evaluate_every": 0}, workers=0)
    assert_equal(weights_of(tmp_path), weights_of(wanted))


def test_averaged_weights_are_the_mean_of_those_of_their_steps(undisturbed, tmp_path):
    wanted, _ = undisturbed
    states = []
    for steps in (4, 7, 10):
        run(tmp_path / str(steps), evaluation=Tones(), **{**EVERY_PART, "steps": steps, "averaging": {}})
        states.append(weights_of(tmp_path / str(steps)))
    mean = {name: torch.stack([state[name] for state in states]).mean(dim=0) for name in states[0]}
    assert_close(weights_of(wanted), mean)
    assert not torch.allclose(states[0]["norm.weight"], states[-1]["norm.weight"], atol=ROUNDING)


def test_the_weights_are_read_by_an_embedder(undisturbed, monkeypatch):
    folder, _ = undisturbed
    shape = {"width": 32, "heads": 2, "depth": 2, "n_frames": 50, "n_classes": len(LABELS)}
    row = dataclasses.replace(checkpoints.get("passt_s_swa_p16_128_ap476"), name="toy", **shape)
    monkeypatch.setattr(checkpoints, "table", lambda: {"toy": row})
    embedder = PasstEmbedder(row.card.spec(), weights=folder / "weights.safetensors", device="cpu")
    assert embedder.dims["features"] == 32
    audio, _ = Tones().batch(0, 2)
    found = embedder.scene_embedding(audio)
    assert found.shape == (2, 32 + len(LABELS))
    with torch.no_grad():
        wanted = embedder.net(embedder.mel(audio), ("logits",))["logits"]
    assert torch.allclose(found[:, : len(LABELS)], wanted, atol=1e-5)


def test_a_folder_is_one_trainings(undisturbed):
    folder, _ = undisturbed
    with pytest.raises(ValueError, match="is another training's, whose lr is 0.001, not 0.002"):
        run(folder, evaluation=Tones(), **{**EVERY_PART, "lr": 0.002})
    other = Tones(labels=("a", "b", "c", "d"))
    with pytest.raises(ValueError, match="another training's, which has other labels"):
        run(folder, source=other, evaluation=other, **EVERY_PART)


def test_the_weights_file_says_how_it_was_made_and_is_the_same_file_again(undisturbed, tmp_path):
    folder, result = undisturbed
    run(tmp_path, evaluation=Tones(), **EVERY_PART)
    assert (tmp_path / "weights.safetensors").read_bytes() == (folder / "weights.safetensors").read_bytes()
    with safetensors.safe_open(result.weights, "pt") as file:
        notes = json.loads(file.metadata()["training"])
    assert Recipe.from_dict(notes["recipe"]) == recipe(**{**EVERY_PART})
    assert (notes["labels"], notes["mAP"]) == (list(LABELS), result.mAP)


def test_weights_of_half_precision_are_half_as_large(tmp_path):
    state = {"weight": torch.randn(64, 64), "count": torch.tensor(3)}
    write_weights(tmp_path / "half.safetensors", state, TrainingNotes(), torch.float16)
    found = safetensors.torch.load_file(tmp_path / "half.safetensors")
    assert found["weight"].dtype == torch.float16
    assert torch.allclose(found["weight"].float(), state["weight"], rtol=1e-3)
    assert torch.equal(found["count"], state["count"])
    assert list(tmp_path.iterdir()) == [tmp_path / "half.safetensors"]
