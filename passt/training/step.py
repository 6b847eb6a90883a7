"""One micro-batch: from clips to the loss, whose gradients are added to the network's."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from passt.network.patchout import Patchout
from passt.network.precision import PRECISIONS, arithmetic
from passt.training.data.streams import seed_of, stream
from passt.training.declared.recipe import Recipe
from passt.training.distill import Teacher, loss_of, soft_labels
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
    """The loss of clips (audio, labels), without its graph; its gradients times `share` are added.

    Args:
        net: what is called; the student's network, or what stands for it in several processes.
        place: step and micro-batch, which decide what is drawn.
    """
    device = front_end.window.device
    audio, labels = (part.to(device, non_blocking=True) for part in clips)
    window = recipe.clips.windows and audio.shape[1] < recipe.clips.samples
    patchout = Patchout(rows=recipe.patchout.rows) if window else recipe.patchout  # a window has few columns
    kept, first = student.choice(patchout, audio.shape[1], stream(recipe.seed, "patchout", *place))
    with arithmetic(PRECISIONS[recipe.precision].matmul), _dropout_of(device, recipe.seed, place):
        mel, labels, taught = _prepared(recipe, front_end, audio, labels, place, teacher)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
            logits = student.ask(net, mel, kept, first)
        loss = loss_of(logits.float(), labels, taught, recipe.distillation)
        (loss * share).backward()
    return loss.detach()


@torch.no_grad()
def _prepared(
    recipe: Recipe,
    front_end: MelSpectrogram,
    audio: Tensor,
    labels: Tensor,
    place: tuple[int, int],
    teacher: Teacher | None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Augmented spectrograms, their labels, and what the teacher says of the sound."""
    do, clips = recipe.augmentations, len(audio)
    audio = do.waves(audio, stream(recipe.seed, "waves", *place))
    if mix := do.wave_mix(clips, stream(recipe.seed, "wave mix", *place)):
        audio, labels = mix.of_waves(audio), mix.of(labels)
    taught = None
    if teacher is not None and recipe.distillation.weight:
        taught = soft_labels(teacher(audio), recipe.distillation)
        if taught.shape != labels.shape:
            raise ValueError(f"teacher: logits must be {tuple(labels.shape)}, got {tuple(taught.shape)}")
    bands = do.bands(stream(recipe.seed, "bands", *place))
    with arithmetic("highest"):  # exact in every precision, as an embedder's
        mel = front_end(audio, None if bands is None else bands.to(audio.device))
    mel = do.masked(mel, stream(recipe.seed, "masks", *place))
    if mix := do.mel_mix(clips, stream(recipe.seed, "mel mix", *place)):
        mel, labels = mix.of(mel), mix.of(labels)
        taught = None if taught is None else mix.of(taught)
    return mel, labels, taught


@contextlib.contextmanager
def _dropout_of(device: torch.device, seed: int, place: tuple[int, int]) -> Iterator[None]:
    """What the network itself draws is of this micro-batch; torch's own stream stays where it was."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed_of(seed, "network", *place))
        yield
