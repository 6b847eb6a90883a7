"""How many clips a second go through PaSST in training and in inference, on one device."""

import contextlib
import functools
import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from passt import EmbeddingSpec, PasstEmbedder, weights
from passt.checkpoints import SAMPLE_RATE, Checkpoint
from passt.initial import network_on_meta
from passt.mel import MelSpectrogram
from passt.model import Passt
from passt.patchout import PAPER, Patchout

logger = logging.getLogger(__name__)

CLIP_S = 10


@dataclass(frozen=True)
class Meter:
    """Times steps on one device; see `complexity.complexity` for its fields."""

    device: str
    batch: int
    repeats: int
    seconds_limit: float

    def speed(self, make: Callable[[int], Callable[[], Any]], advance: Callable[[float], None]) -> dict[str, float]:
        """Clips a second (`value`) of the step `make(batch)`, its batch, halved until memory suffices, its timed steps.

        Args:
            advance: called with the number of steps that are done, 1 + `repeats` in all.

        Raises:
            ValueError: where one clip does not fit.
        """
        batch, seconds = self.batch, None
        while seconds is None:
            with contextlib.suppress(torch.cuda.OutOfMemoryError):
                seconds = self._seconds(make(batch), advance)
            if seconds is None:  # what the step held is freed here, not while the error is handled
                torch.cuda.empty_cache()
                if batch == 1:
                    raise ValueError(f"the memory of {self.device} must hold one clip of {CLIP_S} s, it does not")
                batch //= 2
                logger.info("out of memory, going on with %d clips a step", batch)
        return {"value": batch / statistics.median(seconds), "batch": batch, "steps": len(seconds)}

    def _seconds(self, step: Callable[[], Any], advance: Callable[[float], None]) -> list[float]:
        """Of each timed step; of the one that warms up where the time is over after it."""
        begin, seconds = time.perf_counter(), []
        for done in range(1 + self.repeats):
            start = time.perf_counter()
            if done and start - begin > self.seconds_limit:
                advance(1 + self.repeats - done)
                break
            step()
            if self.device.startswith("cuda"):
                torch.cuda.synchronize(self.device)
            seconds.append(time.perf_counter() - start)
            advance(1)
        return seconds[1:] or seconds


def training_net(checkpoint: Checkpoint) -> Passt:
    """The untrained network, all its parameters to be trained."""
    net = network_on_meta(checkpoint)
    net.load_state_dict(weights.untrained(checkpoint, 0), assign=True)
    return net.train().requires_grad_(True)


def training_step(
    net: Passt, checkpoint: Checkpoint, clips: Tensor, choice: Patchout | None, precision: str
) -> Callable[[], Tensor]:
    """A function that does one step (see `complexity.NOTES`) on clips (batch, samples) and returns its loss."""
    stream = torch.Generator().manual_seed(0)
    targets = torch.randint(2, (len(clips), net.head[-1].out_features), generator=stream).float().to(clips.device)
    front_end = MelSpectrogram(checkpoint.hop).to(clips.device)
    grid = checkpoint.grid[0], checkpoint.columns(clips.shape[1])

    def step() -> Tensor:
        with torch.no_grad():
            mel = front_end(clips)
        kept = None if choice is None else choice.keep(grid, stream)
        with _mixed(clips.device, precision):
            found = net(mel, ("logits",), kept)["logits"]
        loss = F.binary_cross_entropy_with_logits(found.float(), targets)
        loss.backward()
        net.zero_grad()
        return loss.detach()

    return step


def steps(checkpoint: Checkpoint, device: str, precision: str) -> dict[str, Callable[[int], Callable[[], Any]]]:
    """What is timed: its name as in the published file -> function of the batch (clips) that makes a step."""
    net = training_net(checkpoint).to(device)
    spec = EmbeddingSpec(checkpoint.name, weights="untrained-0")
    embedder = PasstEmbedder(spec, device=device, precision=precision)

    def inference(clips: Tensor) -> None:
        embedder.scene(list(clips), [("logits", None)])

    def training(batch: int, choice: Patchout | None) -> Callable[[], Any]:
        return training_step(net, checkpoint, _sound(batch).to(device), choice, precision)

    return {
        "train_speed_10s_samples_per_s": lambda batch: training(batch, None),
        "train_speed_patchout": lambda batch: training(batch, PAPER[checkpoint.hop]),
        "inference_samples_per_s": lambda batch: functools.partial(inference, _sound(batch)),
    }


def _sound(batch: int) -> Tensor:
    """Noise, (batch, samples) of 10 s."""
    return 0.1 * torch.randn(batch, CLIP_S * SAMPLE_RATE, generator=torch.Generator().manual_seed(0))


def _mixed(device: torch.device, precision: str) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
