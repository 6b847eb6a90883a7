"""What a user hands over as sound, made into clips: tensors of float32 in [-1, 1], or an error of one line."""

import functools
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

INT16_SCALE = 32768  # the only integers that are taken: the scale of others is not known
LOUD = 2.0  # resampling and a recorder's headroom may pass 1; beyond this it is said
LOUDEST = 8.0  # beyond it samples are integers that nobody divided by their full scale
MANY_CLIPS, FEW_SAMPLES = 64, 32  # more clips than this of no more samples are channels: (samples, channels)
CLIPS = "audio must be (clips, samples)"

logger = logging.getLogger(__name__)


def batch(audio: Any) -> Sequence[Any]:
    """The clips of a batch as they are; `clips_of` checks them.

    Args:
        audio: (clips, samples), a tensor, an array or a list; or a list of clips, whose lengths may differ.

    Raises:
        ValueError: for audio of another form.
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
    """`batch`, whose clips have to be of one length: their timestamp embeddings become one tensor."""
    clips = batch(audio)
    lengths = {len(clip) for clip in clips if hasattr(clip, "__len__")} - {0} if clips is audio else set()
    if len(lengths) > 1:
        got = f"{min(lengths)} to {max(lengths)} samples"
        raise ValueError(f"clips must be of one length for their timestamps to be one tensor, got {got}")
    return clips


def clips_of(clips: Sequence[Any]) -> list[Tensor]:
    """Each clip as (samples,) of float32; int16 is divided by its full scale, which is said once.

    Raises:
        ValueError: names the clip: not 1-d, empty, of other numbers than floats and int16, not finite, far beyond
            [-1, 1].
    """
    found = [_clip(index, clip) for index, clip in enumerate(clips)]
    if not found:
        raise ValueError("at least one clip is needed, got none")
    _check_axes(len(found), max(map(len, found)))
    _check_values(found)
    return found


def _check_axes(clips: int, samples: int) -> None:
    if clips > MANY_CLIPS and samples <= FEW_SAMPLES:
        got = f"({clips}, {samples}), which looks like (samples, channels)"
        raise ValueError(f"expected (clips, samples), got {got}: mix down to mono, audio.mean(1)[None]")


def _clip(index: int, clip: Any) -> Tensor:
    if isinstance(clip, np.ndarray):
        clip = np.ascontiguousarray(clip)  # torch takes no negative strides
        clip = clip if clip.dtype.isnative else clip.astype(clip.dtype.newbyteorder("="))
    try:
        clip = clip.detach() if isinstance(clip, Tensor) else torch.as_tensor(clip, device="cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"clip {index} must be a tensor, an array or a list of samples: {text}") from None
    if clip.ndim != 1 or len(clip) == 0:
        raise ValueError(f"clip {index} must be 1-d with at least one sample, got shape {tuple(clip.shape)}")
    if clip.dtype == torch.int16:
        _say_once(f"samples of int16 are divided by {INT16_SCALE}")
        return clip.to(torch.float32) / INT16_SCALE
    if not clip.is_floating_point():
        hint = "" if clip.dtype == torch.bool or clip.is_complex() else "; divide integers by their full scale"
        raise ValueError(f"clip {index} must be of floats in [-1, 1] or of int16, got {clip.dtype}{hint}")
    return clip.to(torch.float32)


def _check_values(clips: Sequence[Tensor]) -> None:
    """All in one look, so that clips on a GPU are waited for once."""
    device = clips[0].device
    if device.type == "meta":
        raise ValueError("audio must have samples, got tensors on the device meta")
    peaks = torch.stack([torch.stack(torch.aminmax(clip)).abs().amax().to(device) for clip in clips]).cpu()
    if not bool(peaks.isfinite().all()):
        raise ValueError(f"clip {int((~peaks.isfinite()).int().argmax())} holds NaN or infinite samples")
    loudest = int(peaks.argmax())
    if (peak := float(peaks[loudest])) > LOUDEST:
        hint = "divide integers by their full scale (16 bits: 32768)"
        raise ValueError(f"clip {loudest} has samples up to {peak:.4g}, expected [-1, 1]; {hint}")
    if peak > LOUD:
        _say_once("samples beyond [-1, 1] are taken as they are; is their scale right?")


@functools.cache
def _say_once(message: str) -> None:
    logger.warning(message)
