"""A module of the HEAR common API (https://hearbenchmark.com/hear-api.html): load it, embed, and check each answer.

This file is imported here, and loaded by `worker.py` in another interpreter. That one may be as old as Python 3.7, and
may have only numpy and what the module needs. So this file imports nothing of the project, nor torch or tensorflow: the
imports of the module show which of the two its model uses.

The checks here and in `trial.py` are those of hear-validator 2021.0.2 (functions, attributes, types, shapes, float32,
regular timestamps), and those of the API's text (milliseconds, the same timestamps for all clips of a batch).
"""

from __future__ import annotations

import importlib
import sys
from typing import Any, Callable, Sequence  # noqa: UP035

import numpy as np

FUNCTIONS = ("load_model", "get_scene_embeddings", "get_timestamp_embeddings")
TIMES = ("float32", "float64", "int32", "int64")  # float16 has no whole numbers above 2048


class ModuleFault(ValueError):
    """A module breaks the API; one line that names it."""


class Answers:
    """A model whose answers are checked; a subclass says how it is asked (`ask`).

    Attributes:
        title: names the model in errors.
        device: of the audio that it takes.
        sample_rate: in Hz.
        scene_size, timestamp_size: the widths of embeddings.
        scene_function, timestamps_function: what errors call its functions.
        floats: the types of numbers that embeddings may have; they become float32.
    """

    title, device = "", "cpu"
    sample_rate = scene_size = timestamp_size = 0
    scene_function, timestamps_function = FUNCTIONS[1:]
    floats = ("float32",)  # type: tuple[str, ...]

    def ask(self, function: str, audio: np.ndarray) -> Any:
        """Call one of the two functions on audio (clips, samples), and return what it returns."""
        raise NotImplementedError

    def scene(self, audio: np.ndarray) -> np.ndarray:
        """(clips, samples) float32 -> (clips, scene_embedding_size) float32."""
        answer = self.ask(self.scene_function, audio)
        return self._floats(self.scene_function, answer, (len(audio), self.scene_size), self.meaning("scene"))

    def timestamps(self, audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(clips, samples) float32 -> (clips, steps, timestamp_embedding_size) float32, (steps,) float64 in ms."""
        function = self.timestamps_function
        answer = self.ask(function, audio)
        if not isinstance(answer, (tuple, list)) or len(answer) != 2:
            self.fault(f"{function} returned {_type(answer)}, expected the pair (embeddings, timestamps)")
        steps = answer[0].shape[1] if len(getattr(answer[0], "shape", ())) > 1 else "steps"
        shape = (len(audio), steps, self.timestamp_size)
        values = self._floats(function, answer[0], shape, self.meaning("timestamp"))
        if not values.shape[1]:
            self.fault(f"{function} returned no timestamp for {_shape(audio)} samples, expected at least one")
        return values, self._times(function, answer[1], values.shape[:2])

    def meaning(self, kind: str) -> str:
        """What the shape of embeddings means, in errors; `kind` is scene or timestamp."""
        return f"({'clips' if kind == 'scene' else 'clips, steps'}, {kind}_embedding_size)"

    def times_of(self, answer: Any, clips: int) -> np.ndarray:
        """The timestamps of an answer as (clips, steps) float64."""
        times: np.ndarray = to_array(answer).astype(np.float64)
        return times

    def _times(self, function: str, answer: Any, shape: tuple[int, ...]) -> np.ndarray:
        """The timestamps of a batch, checked: (steps,) in ms."""
        if dtype_of(answer) not in TIMES:
            self.fault(f"{function} returned timestamps of {dtype_of(answer)}, expected one of {', '.join(TIMES)}")
        times = self.times_of(answer, shape[0])
        if times.shape != shape:
            self.fault(f"{function} returned timestamps of shape {times.shape}, expected {tuple(shape)}, as embeddings")
        if not np.isfinite(times).all():
            self.fault(f"{function} returned timestamps that are not finite")
        if (times != times[0]).any():
            self.fault(f"{function} returned other timestamps for other clips of one batch, expected the same")
        if (np.diff(times[0]) <= 0).any():
            self.fault(f"{function} returned timestamps that do not increase")
        first: np.ndarray = times[0]
        return first

    def _floats(self, function: str, answer: Any, shape: Sequence[int | str], meaning: str) -> np.ndarray:
        """The embeddings of an answer, checked."""
        if dtype_of(answer) not in self.floats:
            self.fault(f"{function} returned embeddings of {dtype_of(answer)}, expected float32")
        values = np.ascontiguousarray(to_array(answer), dtype=np.float32)
        if values.shape != shape:
            text = ", ".join(map(str, shape))
            self.fault(f"{function} returned embeddings of shape {values.shape}, expected ({text}): {meaning}")
        return values

    def guarded(self, failed: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a function of the model; what it raises becomes one line."""
        try:
            return function(*arguments, **options)
        except (Exception, SystemExit) as error:
            text = f"{failed}: {type(error).__name__}: {error}"
            raise ModuleFault(f"{self.title}: {' '.join(text.split()):.400}") from error

    def fault(self, text: str) -> None:
        """Raise a ModuleFault that names the model."""
        raise ModuleFault(f"{self.title}: {' '.join(text.split())}")


class Module(Answers):
    """A loaded module, whose answers are checked.

    Args:
        name: what is imported.
        options: keyword arguments of its load_model.
        weights: the path that load_model gets; None for the module's own weights.
        device: for models of torch.

    Raises:
        ModuleFault: the module can't be imported or loaded, or breaks the API.
    """

    def __init__(self, name: str, options: dict[str, Any], weights: str | None, device: str) -> None:
        self.name, self.title, self.device = name, f"hear:{name}", device
        self.module = self.guarded("can't be imported", importlib.import_module, name)
        for function in FUNCTIONS:
            if not callable(getattr(self.module, function, None)):
                self.fault(f"has no function {function}; the HEAR API asks for {', '.join(FUNCTIONS)}")
        arguments = [] if weights is None else [weights]
        self.model = self.guarded("load_model failed", self.module.load_model, *arguments, **options)
        self.framework = framework_of(self.model)
        if self.framework is None:
            expected = "a torch.nn.Module or a tensorflow.Module"
            self.fault(f"load_model returned {_type(self.model)}, expected {expected}")
        if self.framework == "torch":
            self.guarded(f"its model can't go to {device}", self.model.to, device)
            self.model.eval()
        self.sample_rate = self._size("sample_rate")
        self.scene_size = self._size("scene_embedding_size")
        self.timestamp_size = self._size("timestamp_embedding_size")

    def ask(self, function: str, audio: np.ndarray) -> Any:
        """Call a function of the module."""
        embed = getattr(self.module, function)
        failed = f"{function} on audio {_shape(audio)} failed"
        if self.framework == "torch":
            torch = sys.modules["torch"]
            with torch.no_grad():
                return self.guarded(failed, embed, torch.from_numpy(audio).to(self.device), self.model)
        return self.guarded(failed, embed, sys.modules["tensorflow"].convert_to_tensor(audio), self.model)

    def _size(self, key: str) -> int:
        """A size that the API asks a model for."""
        value = getattr(self.model, key, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            self.fault(f"its model's {key} must be a positive int, got {value!r:.60}")
        return int(value)  # type: ignore[arg-type]


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


def _type(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__name__}".replace("builtins.", "")


def _shape(audio: np.ndarray) -> str:
    return "x".join(map(str, audio.shape))
