"""The trial of a HEAR module: embed two fixed clips twice, check the answers, and note what tells models apart.

Like `api.py`, this file is loaded by `worker.py` too, imports nothing of the project and keeps to the syntax of
Python 3.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

try:
    from importlib import metadata
except ImportError:  # before Python 3.8
    metadata = None  # type: ignore[assignment]

TRIAL_SECONDS = 2
REGULAR_MS = 1.0  # that steps may differ from their mean, as in hear-validator
MANY = 8  # so many timestamps reach beyond that part of a clip
SKETCH_PARTS = 8
SAME_SHARE = 1e-3  # of embeddings' root mean square, by which a device may compute the same differently


@dataclass(frozen=True)
class ModuleFacts:
    """What is known of a module once it is loaded and checked.

    Attributes:
        sample_rate: in Hz.
        scene_embedding_size, timestamp_embedding_size: the widths of embeddings.
        versions: distribution -> version, if known.
        own_hop_ms: the mean step of its timestamps on the fixed clips; None for a single timestamp.
        sketch: of its embeddings of the fixed clips (`sketch`): scenes, timestamps.
    """

    sample_rate: int
    scene_embedding_size: int
    timestamp_embedding_size: int
    versions: dict[str, str]
    own_hop_ms: float | None
    sketch: list[list[str]]


def check(module: Any) -> ModuleFacts:
    """Embed two fixed clips twice, and check the answers.

    Args:
        module: an `api.Module`.

    Raises:
        api.ModuleFault: the answers differ, or the timestamps are no regular milliseconds.
    """
    audio = fixed_clips(module.sample_rate)
    scenes = module.scene(audio.copy())  # copies: a module may work in place
    values, times = module.timestamps(audio.copy())
    check_again(module, module.scene_function, scenes, module.scene(audio.copy()))
    check_again(module, module.timestamps_function, values, module.timestamps(audio.copy())[0])
    hop = check_times(module, times)
    sizes = module.sample_rate, module.scene_size, module.timestamp_size
    return ModuleFacts(*sizes, versions(module.name), hop, [sketch(scenes), sketch(values)])


def check_times(module: Any, times: np.ndarray) -> float | None:
    """Check that timestamps of the fixed clips, (steps,), are regular milliseconds; return their mean step."""
    steps, last, length = np.diff(times), times[-1], 1000.0 * TRIAL_SECONDS
    function = module.timestamps_function
    if 0 < last <= 2 * TRIAL_SECONDS:
        hint = f"the last one is {last:g} for a clip of {TRIAL_SECONDS} s"
        module.fault(f"{function} returned timestamps that look like seconds, the API asks for milliseconds: {hint}")
    if last < length / MANY and len(times) > MANY:  # indices of frames, for one
        hint = f"the last of {len(times)} is {last:g} for a clip of {length:g} ms"
        module.fault(f"{function} returned timestamps that are no milliseconds: {hint}")
    hop = float(steps.mean()) if len(steps) else None
    slack = hop or REGULAR_MS  # padding may centre the last window behind the end
    if times[0] < -slack or last > length + slack:
        got = f"got {times[0]:g} to {last:g}"
        module.fault(f"{function} returned timestamps outside of a clip, expected 0 to {length:g} ms, {got}")
    if hop and np.abs(steps - hop).max() > REGULAR_MS:
        got = f"got {steps.min():g} to {steps.max():g} ms"
        module.fault(f"{function} returned irregular timestamps, expected steps of {hop:g} ms, {got}")
    return hop


def check_again(module: Any, function: str, first: np.ndarray, second: np.ndarray) -> None:
    """Refuse a module whose embeddings of the same audio differ from call to call."""
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        module.fault(f"{function} returned embeddings that are not finite, of an ordinary sound")
    if not are_same(first, second):
        again = "asked again with the same audio; is something drawn at random, or kept from call to call?"
        module.fault(f"{function} returned other embeddings when {again}")


def are_same(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two answers have one shape and differ by no more than a device may make them differ."""
    if first.shape != second.shape:
        return False
    size = np.sqrt(np.mean(first.astype(np.float64) ** 2))
    return bool(np.abs(first - second).max() <= SAME_SHARE * size)


def fixed_clips(sample_rate: int) -> np.ndarray:
    """Two clips of 2 s, always the same: a sweep and a decaying tone, each with some of every frequency."""
    t = np.arange(TRIAL_SECONDS * sample_rate) / sample_rate
    noise = scattered(len(t))
    sweep = 0.4 * np.sin(2 * np.pi * (200 * t + 300 * t**2))
    decaying = 0.5 * np.exp(-3 * (t % 1)) * np.sin(2 * np.pi * 880 * t)
    return np.stack([sweep + 0.05 * noise, decaying + 0.02 * noise]).astype(np.float32)


def scattered(count: int) -> np.ndarray:
    """Numbers spread evenly over [-1, 1], always the same."""
    numbers: np.ndarray = np.arange(count, dtype=np.int64) * 2654435761 % 2**32 / 2.0**31 - 1
    return numbers


def sketch(values: np.ndarray) -> list[str]:
    """A few numbers that tell models apart: root mean squares of parts of their embeddings, to three digits.

    Each part counts twice, the second time with fixed numbers of its size added, because a root mean square does not
    see signs and places. Rounding each value would not do: some of many thousands lie where rounding turns, so that
    another device or number of threads would look like another model.
    """
    texts = []
    for part in np.array_split(values.astype(np.float64).ravel(), SKETCH_PARTS):
        if len(part):
            size = np.sqrt(np.mean(part**2))
            beside = np.sqrt(np.mean((part + size * scattered(len(part) + 1)[1:]) ** 2))  # the first is -1: too even
            texts += ["%.2e" % size, "%.2e" % beside]  # noqa: UP031
    return texts


def versions(name: str) -> dict[str, str]:
    """{distribution: version} of the package that has a module; empty if that is not known."""
    top, known = name.split(".")[0], {}  # type: str, dict[str, str]
    for distribution in metadata.distributions() if metadata else ():
        tops = set((distribution.read_text("top_level.txt") or "").split())
        if not tops:
            tops = {file.parts[0].split(".")[0] for file in distribution.files or () if file.suffix == ".py"}
        if top in tops:
            known.setdefault(distribution.metadata["Name"], distribution.version)
    return known
