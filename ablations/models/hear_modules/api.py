"""A module of the HEAR common API (https://hearbenchmark.com/hear-api.html): load it, check it once, then embed.

This file is imported here, and loaded by `worker.py` in another interpreter. That one may be as old as Python 3.7, and
may have only numpy and what the module needs. So this file imports nothing of the project, nor torch or tensorflow: the
imports of the module show which of the two its model uses.

The checks are those of hear-validator 2021.0.2 (functions, attributes, types, shapes, float32, regular timestamps), and
those of the API's text (milliseconds, the same timestamps for all clips of a batch).
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import Any, Callable, Sequence  # noqa: UP035

import numpy as np

try:
    from importlib import metadata
except ImportError:  # before Python 3.8
    metadata = None  # type: ignore[assignment]

FUNCTIONS = ("load_model", "get_scene_embeddings", "get_timestamp_embeddings")
TIMES = ("float32", "float64", "int32", "int64")  # float16 has no whole numbers above 2048
TRIAL_SECONDS = 2
REGULAR_MS = 1.0  # that steps may differ from their mean, as in hear-validator
MANY = 8  # so many timestamps reach beyond that part of a clip
SKETCH_PARTS = 8
SAME_SHARE = 1e-3  # of embeddings' root mean square, by which a device may compute the same differently


class ModuleFault(ValueError):
    """A module breaks the API; one line that names it."""


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


class Module:
    """A loaded module whose answers have been checked once.

    Args:
        name: what is imported.
        options: keyword arguments of its load_model.
        weights: the path that load_model gets; None for the module's own weights.
        device: for models of torch.

    Attributes:
        facts: its sizes, its versions, and what its answers on the fixed clips show.

    Raises:
        ModuleFault: the module can't be imported or loaded, or breaks the API.
    """

    def __init__(self, name: str, options: dict[str, Any], weights: str | None, device: str) -> None:
        self.name, self.device = name, device
        self.module = self._guarded("can't be imported", importlib.import_module, name)
        for function in FUNCTIONS:
            if not callable(getattr(self.module, function, None)):
                self._fault(f"has no function {function}; the HEAR API asks for {', '.join(FUNCTIONS)}")
        arguments = [] if weights is None else [weights]
        self.model = self._guarded("load_model failed", self.module.load_model, *arguments, **options)
        self.framework = framework_of(self.model)
        if self.framework is None:
            expected = "a torch.nn.Module or a tensorflow.Module"
            self._fault(f"load_model returned {_type(self.model)}, expected {expected}")
        if self.framework == "torch":
            self._guarded(f"its model can't go to {device}", self.model.to, device)
            self.model.eval()
        self.sample_rate = self._size("sample_rate")
        self.scene_size = self._size("scene_embedding_size")
        self.timestamp_size = self._size("timestamp_embedding_size")
        sizes = self.sample_rate, self.scene_size, self.timestamp_size
        self.facts = ModuleFacts(*sizes, versions(name), *self._checked())

    def scene(self, audio: np.ndarray) -> np.ndarray:
        """(clips, samples) float32 -> (clips, scene_embedding_size) float32."""
        answer = self._call("get_scene_embeddings", audio)
        shape = (len(audio), self.scene_size)
        return self._floats("get_scene_embeddings", answer, shape, "(clips, scene_embedding_size)")

    def timestamps(self, audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(clips, samples) float32 -> (clips, steps, timestamp_embedding_size) float32, (steps,) float64 in ms."""
        function = "get_timestamp_embeddings"
        answer = self._call(function, audio)
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            self._fault(f"{function} returned {_type(answer)}, expected the pair (embeddings, timestamps)")
        steps = answer[0].shape[1] if len(getattr(answer[0], "shape", ())) > 1 else "steps"
        shape = (len(audio), steps, self.timestamp_size)
        values = self._floats(function, answer[0], shape, "(clips, steps, timestamp_embedding_size)")
        if not values.shape[1]:
            self._fault(f"{function} returned no timestamp for {_shape(audio)} samples, expected at least one")
        return values, self._times(function, answer[1], values.shape[:2])

    def _times(self, function: str, answer: Any, shape: tuple[int, ...]) -> np.ndarray:
        """The timestamps of a batch, checked: (steps,) in ms."""
        if dtype_of(answer) not in TIMES:
            self._fault(f"{function} returned timestamps of {dtype_of(answer)}, expected one of {', '.join(TIMES)}")
        times = to_array(answer).astype(np.float64)
        if times.shape != shape:
            self._fault(
                f"{function} returned timestamps of shape {times.shape}, expected {tuple(shape)}, as embeddings"
            )
        if not np.isfinite(times).all():
            self._fault(f"{function} returned timestamps that are not finite")
        if (times != times[0]).any():
            self._fault(f"{function} returned other timestamps for other clips of one batch, expected the same")
        if (np.diff(times[0]) <= 0).any():
            self._fault(f"{function} returned timestamps that do not increase")
        first: np.ndarray = times[0]
        return first

    def _floats(self, function: str, answer: Any, shape: Sequence[int | str], meaning: str) -> np.ndarray:
        """The embeddings of an answer, checked."""
        if dtype_of(answer) != "float32":
            self._fault(f"{function} returned embeddings of {dtype_of(answer)}, expected float32")
        values = np.ascontiguousarray(to_array(answer))
        if values.shape != shape:
            text = ", ".join(map(str, shape))
            self._fault(f"{function} returned embeddings of shape {values.shape}, expected ({text}): {meaning}")
        return values

    def _call(self, function: str, audio: np.ndarray) -> Any:
        """Call a function of the module."""
        embed = getattr(self.module, function)
        failed = f"{function} on audio {_shape(audio)} failed"
        if self.framework == "torch":
            torch = sys.modules["torch"]
            with torch.no_grad():
                return self._guarded(failed, embed, torch.from_numpy(audio).to(self.device), self.model)
        return self._guarded(failed, embed, sys.modules["tensorflow"].convert_to_tensor(audio), self.model)

    def _checked(self) -> tuple[float | None, list[list[str]]]:
        """Embed two fixed clips twice, and check the answers.

        Returns:
            The mean step of the timestamps in ms, and the sketches of scene and timestamp embeddings.

        Raises:
            ModuleFault: the answers differ, or the timestamps are no regular milliseconds.
        """
        audio = fixed_clips(self.sample_rate)
        scenes = self.scene(audio.copy())  # copies: a module may work in place
        values, times = self.timestamps(audio.copy())
        self._check_again("get_scene_embeddings", scenes, self.scene(audio.copy()))
        self._check_again("get_timestamp_embeddings", values, self.timestamps(audio.copy())[0])
        steps, last, length = np.diff(times), times[-1], 1000.0 * TRIAL_SECONDS
        function = "get_timestamp_embeddings"
        if 0 < last <= 2 * TRIAL_SECONDS:
            hint = f"the last one is {last:g} for a clip of {TRIAL_SECONDS} s"
            self._fault(f"{function} returned timestamps that look like seconds, the API asks for milliseconds: {hint}")
        if last < length / MANY and len(times) > MANY:  # indices of frames, for one
            hint = f"the last of {len(times)} is {last:g} for a clip of {length:g} ms"
            self._fault(f"{function} returned timestamps that are no milliseconds: {hint}")
        hop = float(steps.mean()) if len(steps) else None
        slack = hop or REGULAR_MS  # padding may centre the last window behind the end
        if times[0] < -slack or last > length + slack:
            got = f"got {times[0]:g} to {last:g}"
            self._fault(f"{function} returned timestamps outside of a clip, expected 0 to {length:g} ms, {got}")
        if hop and np.abs(steps - hop).max() > REGULAR_MS:
            got = f"got {steps.min():g} to {steps.max():g} ms"
            self._fault(f"{function} returned irregular timestamps, expected steps of {hop:g} ms, {got}")
        return hop, [sketch(scenes), sketch(values)]

    def _check_again(self, function: str, first: np.ndarray, second: np.ndarray) -> None:
        """Refuse a module whose embeddings of the same audio differ from call to call."""
        if not (np.isfinite(first).all() and np.isfinite(second).all()):
            self._fault(f"{function} returned embeddings that are not finite, of an ordinary sound")
        size = np.sqrt(np.mean(first.astype(np.float64) ** 2))
        if first.shape != second.shape or np.abs(first - second).max() > SAME_SHARE * size:
            again = "asked again with the same audio; is something drawn at random, or kept from call to call?"
            self._fault(f"{function} returned other embeddings when {again}")

    def _size(self, key: str) -> int:
        """A size that the API asks a model for."""
        value = getattr(self.model, key, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            self._fault(f"its model's {key} must be a positive int, got {value!r:.60}")
        return int(value)  # type: ignore[arg-type]

    def _guarded(self, failed: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a function of the module; what it raises becomes one line."""
        try:
            return function(*arguments, **options)
        except (Exception, SystemExit) as error:
            text = f"{failed}: {type(error).__name__}: {error}"
            raise ModuleFault(f"hear:{self.name}: {' '.join(text.split()):.400}") from error

    def _fault(self, text: str) -> None:
        raise ModuleFault(f"hear:{self.name}: {' '.join(text.split())}")


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


def framework_of(model: Any) -> str | None:
    """torch or tensorflow; None for a model of neither."""
    torch, tensorflow = sys.modules.get("torch"), sys.modules.get("tensorflow")
    if torch is not None and isinstance(model, torch.nn.Module):
        return "torch"
    if tensorflow is not None and isinstance(model, tensorflow.Module):
        return "tensorflow"
    return None


def dtype_of(value: Any) -> str:
    """The name of the number type of a tensor or an array; of anything else its class."""
    dtype = getattr(value, "dtype", None)
    return _type(value) if dtype is None else str(getattr(dtype, "name", str(dtype).replace("torch.", "")))


def to_array(value: Any) -> np.ndarray:
    """A tensor of torch or tensorflow, or an array, as an array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    array: np.ndarray = value.numpy() if hasattr(value, "numpy") else np.asarray(value)
    return array


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


def _type(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__name__}".replace("builtins.", "")


def _shape(audio: np.ndarray) -> str:
    return "x".join(map(str, audio.shape))
