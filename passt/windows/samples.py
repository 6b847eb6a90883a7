"""Check the user's audio, and turn it into clips: float32 tensors in [-1, 1]."""

import functools
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch import Tensor

INT16_SCALE = 32768  # other integers are refused: their full scale is not known
LOUD = 2.0  # resampling and a recorder's headroom may exceed 1; beyond this the log warns
LOUDEST = 8.0  # beyond this, samples must be integers that were never divided by their full scale
LEAST_SUSPICIOUS_CLIPS, MOST_CHANNELS = 64, 32  # more clips than that, and no more samples: (samples, channels)
CLIPS = "audio must be (clips, samples)"

_differentiable: ContextVar[bool] = ContextVar("_differentiable", default=False)

logger = logging.getLogger(__name__)


@contextmanager
def differentiable() -> Iterator[None]:
    """Let gradients of embeddings reach clips that require them, where the network computes under autograd.

    Elsewhere clips are detached, so that nobody who embeds a tensor of a graph keeps that graph.
    """
    token = _differentiable.set(True)
    try:
        yield
    finally:
        _differentiable.reset(token)


def batch(audio: Any) -> Sequence[Any]:
    """Split a batch into its clips, which `clips_of` checks later.

    Args:
        audio: (clips, samples) as a tensor, an array or a list; or a list of clips, whose lengths may differ.

    Raises:
        ValueError: the audio has another form.
    """
    if not isinstance(audio, Tensor | np.ndarray):
        if not isinstance(audio, Sequence) or isinstance(audio, str | bytes):
            raise ValueError(f"{CLIPS}, a tensor, an array or a list of clips, got {type(audio).__name__}")
        return audio
    if audio.ndim != 2:
        hint = {1: "; one clip is audio[None]", 3: "; mix channels down, audio.mean(1)"}.get(audio.ndim, "")
        raise ValueError(f"{CLIPS}, got shape {tuple(audio.shape)}{hint}")
    if 0 in audio.shape:
        raise ValueError(f"{CLIPS}, neither 0, got shape {tuple(audio.shape)}")
    _check_axes(*audio.shape)
    return list(audio)


def equally_long(audio: Any) -> Sequence[Any]:
    """Split a batch into clips of one length.

    Their timestamp embeddings then make one tensor.

    Args:
        audio: (clips, samples) as a tensor, an array or a list; or a list of clips of one length.

    Raises:
        ValueError: the audio has another form, or the clips differ in length.
    """
    clips = batch(audio)
    lengths = {len(clip) for clip in clips if isinstance(clip, Sized)} - {0} if clips is audio else set()
    if len(lengths) > 1:
        got = f"{min(lengths)} to {max(lengths)} samples"
        raise ValueError(f"clips must be of one length for their timestamps to be one tensor, got {got}")
    return clips


def clips_of(clips: Sequence[Any]) -> list[Tensor]:
    """Convert clips to float32 tensors (samples,) in [-1, 1].

    int16 is divided by its full scale, which the log says once.

    Args:
        clips: tensors, arrays or lists of samples, each (samples,), float in [-1, 1] or int16.

    Raises:
        ValueError: a clip is not 1-d, is empty, is neither float nor int16, is not finite, or is far beyond [-1, 1].
            The message names the clip.
    """
    tensors = [_clip(index, clip) for index, clip in enumerate(clips)]
    if not tensors:
        raise ValueError("at least one clip is needed, got none")
    _check_axes(len(tensors), max(map(len, tensors)))
    _check_values([tensor.detach() for tensor in tensors])
    return tensors


def _check_axes(clips: int, samples: int) -> None:
    if clips > LEAST_SUSPICIOUS_CLIPS and samples <= MOST_CHANNELS:
        got = f"({clips}, {samples}), which looks like (samples, channels)"
        raise ValueError(f"expected (clips, samples), got {got}: mix down to mono, audio.mean(1)[None]")


def _clip(index: int, clip: Any) -> Tensor:
    if isinstance(clip, np.ndarray):
        clip = np.ascontiguousarray(clip)  # torch takes no negative strides
        clip = clip if clip.dtype.isnative else clip.astype(clip.dtype.newbyteorder("="))
    try:
        samples = clip if isinstance(clip, Tensor) else torch.as_tensor(clip, device="cpu")
        samples = samples if _differentiable.get() else samples.detach()
    except (TypeError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"clip {index} must be a tensor, an array or a list of samples: {text}") from None
    if samples.ndim != 1 or len(samples) == 0:
        raise ValueError(f"clip {index} must be 1-d with at least one sample, got shape {tuple(samples.shape)}")
    if samples.dtype == torch.int16:
        _warn_once(f"samples of int16 are divided by {INT16_SCALE}")
        return samples.to(torch.float32) / INT16_SCALE
    if not samples.is_floating_point():
        hint = "" if samples.dtype == torch.bool or samples.is_complex() else "; divide integers by their full scale"
        raise ValueError(f"clip {index} must be of floats in [-1, 1] or of int16, got {samples.dtype}{hint}")
    return samples.to(torch.float32)


def _check_values(clips: Sequence[Tensor]) -> None:
    """Check the peaks of all clips together, so that a GPU is waited for once."""
    if clips[0].device.type == "meta":
        raise ValueError("audio must have samples, got tensors on the device meta")
    peaks = _peaks(clips)
    if not bool(peaks.isfinite().all()):
        raise ValueError(f"clip {int((~peaks.isfinite()).int().argmax())} holds NaN or infinite samples")
    loudest = int(peaks.argmax())
    if (peak := float(peaks[loudest])) > LOUDEST:
        hint = "divide integers by their full scale (16 bits: 32768)"
        raise ValueError(f"clip {loudest} has samples up to {peak:.4g}, expected [-1, 1]; {hint}")
    if peak > LOUD:
        _warn_once("samples beyond [-1, 1] are taken as they are; is their scale right?")


def _peaks(clips: Sequence[Tensor]) -> Tensor:
    """Find the largest magnitude of each clip: (clips,), on the CPU, NaN where a sample is.

    On a GPU, clips of one length share a launch, and there is one wait.
    """
    groups: dict[tuple[torch.device, int], list[int]] = defaultdict(list)
    for index, clip in enumerate(clips):
        groups[clip.device, len(clip) if clip.is_cuda else index].append(index)
    lowest, highest = [], []
    for (device, _), members in groups.items():
        if device.type == "cuda":
            low, high = torch.aminmax(torch.stack([clips[index] for index in members]), dim=1)
        else:
            low, high = (value[None] for value in torch.aminmax(clips[members[0]]))
        lowest.append(low.to(clips[0].device))
        highest.append(high.to(clips[0].device))
    peaks = torch.stack([torch.cat(lowest), torch.cat(highest)]).abs().amax(0).cpu()
    order = torch.tensor([index for members in groups.values() for index in members], device="cpu")
    return peaks[order.argsort()]


@functools.cache
def _warn_once(message: str) -> None:
    logger.warning(message)
