"""One micro-batch of a training step: from clips to the loss and its gradients."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from passt.catalog.architecture import MEL_BANDS
from passt.network.patchout import Patchout
from passt.network.precision import PRECISIONS, arithmetic
from passt.training.data.draws import Draws, Prepared, sent
from passt.training.data.streams import seed_of, stream
from passt.training.declared.recipe import Recipe
from passt.training.loss import Teacher, loss_of, soft_labels
from passt.training.student import Student
from passt.windows.mel import MelSpectrogram


def backward(
    student: Student,
    net: nn.Module,
    recipe: Recipe,
    front_end: MelSpectrogram,
    clips: tuple[Tensor, Tensor],
    place: tuple[int, int],
    share: float,
    teacher: Teacher | None = None,
) -> Tensor:
    """Compute the loss of a micro-batch, and add its gradients.

    Args:
        student: the network that is trained.
        net: the module to call: the student's network, or its wrapper if several processes train.
        recipe: decides augmentation, patchout, precision and loss.
        front_end: turns audio into log-mel spectrograms.
        clips: audio (clips, samples) at 32 kHz and labels (clips, labels).
        place: numbers of the step and of the micro-batch, from which all randomness follows.
        share: factor of the gradients.
        teacher: labels the audio for distillation.

    Returns:
        The loss, without its graph.
    """
    device, (count, samples) = front_end.window.device, clips[0].shape
    is_window = recipe.clips.windows and samples < recipe.clips.samples
    patchout = Patchout(rows=recipe.patchout.rows) if is_window else recipe.patchout  # a window has few columns
    kept, first = student.draw_patches(patchout, samples, stream(recipe.seed, "patchout", *place))
    shape = (MEL_BANDS, (samples - 1) // student.hop + 1)
    draws = Draws.of(recipe.augmentations, count, shape, lambda purpose: stream(recipe.seed, purpose, *place), kept)
    batch = sent(*clips, draws, device)
    with arithmetic(PRECISIONS[recipe.precision].matmul), _dropout_seed(device, recipe.seed, place):
        mel, labels, soft = _augmented(recipe, front_end, batch, teacher)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
            logits = student.logits_of(net, mel, batch.draws.kept, first)
        loss = loss_of(logits.float(), labels, soft, recipe.distillation)
        (loss * share).backward()
    return loss.detach()


@torch.no_grad()
def _augmented(
    recipe: Recipe, front_end: MelSpectrogram, batch: Prepared, teacher: Teacher | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Augment clips, and return spectrograms, labels and the teacher's soft labels."""
    audio, labels = batch.draws.waves(batch.audio, batch.labels)
    soft = None
    if teacher is not None and recipe.distillation.weight:
        soft = soft_labels(teacher(audio), recipe.distillation)
        if soft.shape != labels.shape:
            raise ValueError(f"teacher: logits must be {tuple(labels.shape)}, got {tuple(soft.shape)}")
    with arithmetic("highest"):  # the front end is exact in every precision, as an embedder's
        mel = front_end(audio, batch.draws.bands)
    return batch.draws.mels(mel, labels, soft)


@contextlib.contextmanager
def _dropout_seed(device: torch.device, seed: int, place: tuple[int, int]) -> Iterator[None]:
    """Seed the network's own randomness by the micro-batch.

    torch's global stream is restored afterwards.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed_of(seed, "network", *place))
        yield
