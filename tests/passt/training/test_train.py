"""Trainings of tiny networks: they learn, go on after a kill, and divide their batches."""

import csv
import dataclasses
import json
import math
import random

import pytest
import safetensors
import safetensors.torch
import torch
from torch import nn

from passt import PasstEmbedder, checkpoints, weights
from passt.initial import untrained
from passt.precision import arithmetic, available
from passt.training import train as module
from passt.training.recipe import Recipe
from passt.training.state import write_weights
from passt.training.student import Student, passt_student
from passt.training.train import train
from tests.passt.training.children import killed_at, together
from tests.passt.training.toy import LABELS, PLAIN, Tones, recipe

EVALUATION = Tones(distinct=6)
EVERY_PART = {"averaging": {"start": 4, "every": 3}, "steps": 12, "evaluation_clips": 6, "evaluate_every": 5}
ROUNDING = 2e-6  # of weights of about 0.02 to 1, after a few steps of lr 1e-3


def run(folder, source=None, evaluation=EVALUATION, **changes):
    options = {name: changes.pop(name) for name in ("student", "teacher", "workers") if name in changes}
    return train(recipe(**{"evaluation_clips": 6, **changes}), source or Tones(), evaluation, folder, **options)


def weights_of(folder) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "weights.safetensors")


def rows_of(folder) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert torch.equal(found[name], wanted[name]), name


def assert_close(found, wanted):
    assert found.keys() == wanted.keys()
    for name in wanted:
        kept = torch.ones_like(wanted[name])
        if name.endswith("qkv.bias"):  # the keys' has no gradient but rounding, which Adam makes as large as any
            kept[32:64] = 0
        assert torch.allclose(found[name] * kept, wanted[name] * kept, rtol=0, atol=ROUNDING), name


def test_ten_clips_are_learned_by_heart(tmp_path):
    options = {"batch": 10, "micro_batch": 0, "lr": 1e-2, "augmentations": PLAIN, "patchout": {}, "log_every": 10}
    found = run(tmp_path, steps=80, evaluation_clips=10, evaluation=Tones(), schedule={"warmup": 10}, **options)
    assert found.loss < 0.02
    assert found.mAP == 1.0
    losses = [float(row["loss"]) for row in rows_of(tmp_path)]
    assert losses[0] > 5 * losses[-1]


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


def test_accumulation_is_one_large_batch(tmp_path):
    options = {"augmentations": PLAIN, "patchout": {}, "batch": 8, "architecture": full_time_encoding()}
    run(tmp_path / "one", **options, micro_batch=0)
    run(tmp_path / "four", **options, micro_batch=2)
    assert_close(weights_of(tmp_path / "four"), weights_of(tmp_path / "one"))


def full_time_encoding():
    """An architecture whose time encoding is as long as the clips: nothing is left to draw."""
    return {"width": 32, "heads": 2, "depth": 2, "n_frames": 30}


def test_two_processes_are_one_with_the_same_batches(tmp_path):
    changes = {**EVERY_PART, "batch": 8}
    run(tmp_path / "one", evaluation=Tones(), **changes)
    together(2, tmp_path / "two", **changes)
    assert_close(weights_of(tmp_path / "two"), weights_of(tmp_path / "one"))
    for found, wanted in zip(rows_of(tmp_path / "two"), rows_of(tmp_path / "one"), strict=True):
        assert float(found["loss"]) == pytest.approx(float(wanted["loss"]), abs=1e-5)
        assert found["mAP"] == wanted["mAP"]


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


def test_a_teacher_is_learned_from(tmp_path):
    heard = []

    def teacher(audio):
        heard.append(audio)
        return torch.tensor([9.0, -9.0, 9.0, -9.0]).expand(len(audio), -1)

    one = {"batch": 10, "micro_batch": 0, "lr": 3e-3, "steps": 60, "log_every": 20}
    found = run(tmp_path, **one, distillation={"weight": 1.0, "temperature": 1.0}, teacher=teacher)
    assert len(heard) == 60
    assert heard[0].shape == (10, Tones().samples)
    assert found.loss < 0.2  # the labels say something else
    with pytest.raises(ValueError, match="recipe: toy needs a teacher"):
        run(tmp_path / "none", distillation={"weight": 0.5})
    with pytest.raises(ValueError, match="toy has distillation weight 0, but there is a teacher"):
        run(tmp_path / "none", teacher=teacher)
    with pytest.raises(ValueError, match=r"teacher: logits must be \(2, 4\), got \(2, 3\)"):
        run(tmp_path / "three", distillation={"weight": 0.5}, teacher=lambda audio: torch.zeros(len(audio), 3))


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm = nn.Conv2d(1, 8, 5, stride=4), nn.BatchNorm2d(8)
        self.dropout, self.head = nn.Dropout(0.3), nn.Linear(8, len(LABELS))

    def forward(self, mel):
        return self.head(self.dropout(self.norm(self.conv(mel[:, None])).relu().mean(dim=(2, 3))))


def test_any_network_of_spectrograms_is_trained_and_goes_on(tmp_path):
    options = {**EVERY_PART, "patchout": {}}
    run(tmp_path / "one", student=Student(Convolutions(), 320), **options)
    run(tmp_path / "two", student=Student(Convolutions(), 320), **{**options, "steps": 5})
    run(tmp_path / "two", student=Student(Convolutions(), 320), **options)
    found = weights_of(tmp_path / "two")
    assert_equal(found, weights_of(tmp_path / "one"))
    assert found["norm.running_mean"].abs().max() > 0
    with pytest.raises(ValueError, match="patchout is for networks of patches"):
        run(tmp_path / "three", student=Student(Convolutions(), 320))


@pytest.mark.skipif("bf16" not in available(torch.device("cpu")), reason="no bf16 on this processor")
def test_bf16_trains_weights_in_float32(tmp_path):
    found = run(tmp_path, precision="bf16")
    assert math.isfinite(found.loss)
    assert {tensor.dtype for tensor in weights_of(tmp_path).values()} == {torch.float32}


def test_a_folder_is_one_trainings(undisturbed):
    folder, _ = undisturbed
    with pytest.raises(ValueError, match="is another training's, whose lr is 0.001, not 0.002"):
        run(folder, evaluation=Tones(), **{**EVERY_PART, "lr": 0.002})
    other = Tones(labels=("a", "b", "c", "d"))
    with pytest.raises(ValueError, match="another training's, which has other labels"):
        run(folder, source=other, evaluation=other, **EVERY_PART)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": Tones(sample_rate=16000)}, "training clips must be at 32000 Hz, got 16000"),
        ({"source": Tones(samples=32000)}, "clips must hold 1 to 5 columns of patches, 32000 samples hold 9"),
        ({"source": Tones(labels=("a", "b", "c", "d"))}, "evaluation clips must have the training clips' labels"),
        ({"evaluation_clips": 0}, "evaluation_clips must say how many"),
        ({"patchout": {"columns": 3}}, "patchout columns must be less than the grid's 3, got 3"),
        ({"architecture": {"width": 32, "heads": 2, "n_classes": 3}}, "n_classes must be the 4 labels there are"),
        ({"architecture": {"width": 32, "heads": 2, "depth": 2}, "start": "imagenet"}, "no published weights"),
        ({"lr": 1e30, "augmentations": PLAIN}, "the loss is (nan|inf) at step 2; a smaller lr may help"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(tmp_path, changes, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        run(tmp_path, **changes)
    assert "\n" not in str(error.value)


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
    write_weights(tmp_path / "half.safetensors", state, {}, torch.float16)
    found = safetensors.torch.load_file(tmp_path / "half.safetensors")
    assert found["weight"].dtype == torch.float16
    assert torch.allclose(found["weight"].float(), state["weight"], rtol=1e-3)
    assert torch.equal(found["count"], state["count"])
    assert list(tmp_path.iterdir()) == [tmp_path / "half.safetensors"]


def test_a_training_starts_from_untrained_weights_of_its_seed_or_from_imagenet(monkeypatch):
    one = passt_student(recipe(seed=3), len(LABELS))
    assert_equal(one.net.state_dict(), untrained(one.architecture, 3))
    asked = []

    def imagenet_start(architecture, *, seed):
        asked.append((architecture, seed))
        return untrained(architecture, 9)

    monkeypatch.setattr(weights, "imagenet_start", imagenet_start)
    other = passt_student(recipe(seed=3, start="imagenet"), len(LABELS))
    assert_equal(other.net.state_dict(), untrained(one.architecture, 9))
    assert asked == [(one.architecture, 3)]


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_on_cuda(cuda, tmp_path, precision):
    changes = {**EVERY_PART, "precision": precision}
    run(tmp_path / "cpu", evaluation=Tones(), **changes)
    for steps in (5, 12):
        train(recipe(**{**changes, "steps": steps}), Tones(), Tones(), tmp_path / "cuda", cuda)
    for found, wanted in zip(rows_of(tmp_path / "cuda"), rows_of(tmp_path / "cpu"), strict=True):
        assert float(found["loss"]) == pytest.approx(float(wanted["loss"]), abs=0.01)


def test_clips_may_be_made_by_a_network_in_another_thread(tmp_path):
    class Made(Tones):
        def batch(self, index, size):
            with arithmetic("highest"):
                return super().batch(index, size)

    assert run(tmp_path, source=Made(), evaluation=Made(), workers=2).steps == 6
