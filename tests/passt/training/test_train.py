"""Tiny networks learn, from labels and teachers, in parts of a batch and in several processes."""

import math

import pytest
import torch
from torch import nn

from passt.network.precision import arithmetic, available
from passt.training.student import Student, passt_student
from passt.training.train import train
from passt.weights import load
from passt.weights.initial import untrained
from tests.passt.training.children import together
from tests.passt.training.toy import (
    EVERY_PART,
    LABELS,
    PLAIN,
    Tones,
    assert_close,
    assert_equal,
    recipe,
    rows_of,
    run,
    weights_of,
)


def test_ten_clips_are_learned_by_heart(tmp_path):
    options = {"batch": 10, "micro_batch": 0, "lr": 1e-2, "augmentations": PLAIN, "patchout": {}, "log_every": 10}
    found = run(tmp_path, steps=80, evaluation_clips=10, evaluation=Tones(), schedule={"warmup": 10}, **options)
    assert found.loss < 0.02
    assert found.mAP == 1.0
    losses = [float(row["loss"]) for row in rows_of(tmp_path)]
    assert losses[0] > 5 * losses[-1]


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


def test_a_training_starts_from_untrained_weights_of_its_seed_or_from_imagenet(monkeypatch):
    one = passt_student(recipe(seed=3), len(LABELS))
    assert_equal(one.net.state_dict(), untrained(one.architecture, 3))
    asked = []

    def imagenet_start(architecture, *, seed):
        asked.append((architecture, seed))
        return untrained(architecture, 9)

    monkeypatch.setattr(load, "imagenet_start", imagenet_start)
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


def test_a_micro_batch_is_one_copy_and_nothing_waits_for_a_step(pretended_cuda, tmp_path):
    def copies(steps):
        options = {"steps": steps, "log_every": 100, "patchout": {"rows": 2, "columns": 1}}
        with pretended_cuda.counting() as counts:
            train(recipe(**options, evaluation_clips=6), Tones(), Tones(), tmp_path / str(steps), "cuda", workers=0)
        return counts

    two, six = copies(2), copies(6)
    assert six.to_device - two.to_device == 4 * 2  # micro-batches
    assert six.waits_by_place() == two.waits_by_place()


def test_memory_that_is_short_ends_a_training_in_one_line(pretended_cuda, tmp_path):
    pretended_cuda.limit(pretended_cuda.allocated + (1 << 20))
    message = "^toy: 2 clips of 10 s do not fit the memory of cuda:0; a smaller micro_batch takes less$"
    with pytest.raises(MemoryError, match=message):
        train(recipe(evaluation_clips=6), Tones(), Tones(), tmp_path, "cuda")


def test_clips_may_be_made_by_a_network_in_another_thread(tmp_path):
    class Made(Tones):
        def batch(self, index, size):
            with arithmetic("highest"):
                return super().batch(index, size)

    assert run(tmp_path, source=Made(), evaluation=Made(), workers=2).steps == 6


def test_labels_that_are_there_twice_are_refused(tmp_path):
    twice = Tones(labels=(*LABELS[:3], LABELS[0]))
    with pytest.raises(ValueError, match="training clips must have distinct labels, got 'low' twice"):
        run(tmp_path, source=twice, evaluation=twice)
