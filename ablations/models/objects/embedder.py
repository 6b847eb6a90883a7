"""A Python object as an embedder: its answers are checked on fixed clips before anything is computed."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ablations.models.hear_modules import trial
from ablations.models.hear_modules.api import Answers, to_array
from ablations.models.hear_modules.one_level import LEVEL, OneLevelEmbedder
from ablations.models.objects import registered
from ablations.models.objects.identity import networks_of
from ablations.models.objects.python_model import PythonModel, called
from downstream.disk.files import fingerprint
from passt.catalog.spec import EmbeddingSpec

FORMAT = 1  # part of the fingerprint; raised when the numbers change
FLOATS = ("float16", "float32", "float64")


class PythonEmbedder(OneLevelEmbedder):
    """A Python object of this process.

    Args:
        spec: its checkpoint is the object's address (`address`), under which the object is registered.
        device: ignored: the object computes where its weights are.
        weights: ignored: the object has its own.

    Attributes:
        facts: what is known of the object.
        own_hop_ms: the mean step of its timestamps on a fixed clip; None if the clip has one, or it has none.

    Raises:
        ValueError: the object is not in this process, or its answers break the contract (`checked`).
    """

    def __init__(self, spec: EmbeddingSpec, *, device: str = "cpu", weights: Path | None = None) -> None:
        model = registered.get(spec.checkpoint)
        self.name = f"{spec.checkpoint}@{spec.weights}"
        self._networks = networks_of(model.parts)
        self._module = PythonAnswers(model, _device_of(self._networks))
        with self._at_work():
            self.facts = checked(self._module)
        self.sample_rate = model.sample_rate
        self.dims: Mapping[str, int] = {LEVEL: self.facts.scene_embedding_size}
        self.timestamp_dims: Mapping[str, int] = {LEVEL: self._module.timestamp_size} if model.timestamps else {}
        self.own_hop_ms = self.facts.own_hop_ms
        _, _, told_apart = spec.checkpoint.partition("?")
        name = "" if told_apart.startswith("code=") else model.name
        known = {key: value for key, value in asdict(self.facts).items() if key not in ("own_hop_ms", "versions")}
        identity = {"python": name, "is": told_apart, "weights": spec.weights, "format": FORMAT}
        self.fingerprint = fingerprint({**identity, **known})

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        """Put the object's networks into evaluation mode, and back into the modes that they had."""
        modules = [module for network in self._networks for module in network.modules()]
        modes = [module.training for module in modules]
        try:
            for network in self._networks:
                network.eval()
            yield
        finally:
            for module, mode in zip(modules, modes, strict=True):
                module.training = mode


class PythonAnswers(Answers):
    """The answers of a Python object; their widths are those of its first answers."""

    floats = FLOATS

    def __init__(self, model: PythonModel, device: torch.device) -> None:
        self.name, self.title, self.device = model.name, model.name, str(device)
        self.sample_rate = model.sample_rate
        self._functions: dict[str, Callable[..., Any] | None] = {"scene": model.scene, "timestamps": model.timestamps}
        self.scene_function = called(model.scene, "its function")
        self.timestamps_function = called(model.timestamps, "its function of timestamps")
        self.has_timestamps = model.timestamps is not None
        self._object = model.parts[0]

    def ask(self, function: str, audio: np.ndarray) -> Any:
        """Call one of its functions."""
        embed = self._functions["scene" if function == self.scene_function else "timestamps"]
        assert embed is not None  # event tasks do not apply otherwise
        failed = f"{function} failed on audio of shape {audio.shape}"
        with torch.no_grad():
            return self.guarded(failed, embed, torch.from_numpy(audio).to(self.device))

    def meaning(self, kind: str) -> str:
        """What the shape of embeddings means, in errors."""
        return f"({'clips' if kind == 'scene' else 'clips, steps'}, dim)"

    def times_of(self, answer: Any, clips: int) -> np.ndarray:
        """The timestamps of an answer as (clips, steps); one row stands for all clips."""
        times = to_array(answer).astype(np.float64)
        return np.tile(times, (clips, 1)) if times.ndim == 1 else times

    def width(self, function: str, dimensions: int, share: int = 1) -> int:
        """The width of what a function answers to the fixed clips, or to their first part, one of `share`."""
        audio = trial.fixed_clips(self.sample_rate)
        answer = self.ask(function, audio[:, : audio.shape[1] // share].copy())
        if dimensions == 3 and isinstance(answer, tuple | list) and answer:
            answer = answer[0]
        shape = tuple(getattr(answer, "shape", ()))
        if len(shape) != dimensions:
            expected = self.meaning("scene" if dimensions == 2 else "timestamp")
            got = f"shape {shape}" if hasattr(answer, "shape") else f"type {type(answer).__name__}"
            self.fault(f"{function} returned embeddings of {got} for 2 clips, expected {expected}")
        if shape[-1] < 1:
            self.fault(f"{function} returned embeddings of shape {shape}, expected at least one number a clip")
        size = "scene_embedding_size" if dimensions == 2 else "timestamp_embedding_size"
        if (declared := getattr(self._object, size, shape[-1])) != shape[-1]:
            self.fault(f"{function} returned embeddings of width {shape[-1]}, its {size} is {declared}")
        return int(shape[-1])


def checked(answers: PythonAnswers) -> trial.ModuleFacts:
    """Try an object on fixed clips: twice, each clip alone, and a shorter one.

    Raises:
        ValueError: answers of a wrong shape or type, that are not finite, or that differ with what else is asked.
    """
    audio = trial.fixed_clips(answers.sample_rate)
    answers.scene_size = answers.width(answers.scene_function, 2)
    scenes = _tried(answers, answers.scene_function, answers.scene, audio)
    values, hop = np.zeros((2, 0, 0), np.float32), None
    if answers.has_timestamps:
        answers.timestamp_size = answers.width(answers.timestamps_function, 3)
        values, times = answers.timestamps(audio.copy())
        hop = trial.check_times(answers, times)
        _tried(answers, answers.timestamps_function, lambda clips: answers.timestamps(clips)[0], audio)
    sizes = answers.sample_rate, answers.scene_size, answers.timestamp_size
    return trial.ModuleFacts(*sizes, {}, hop, [trial.sketch(scenes), trial.sketch(values)])


def _tried(
    answers: PythonAnswers, function: str, embed: Callable[[np.ndarray], np.ndarray], audio: np.ndarray
) -> np.ndarray:
    together = embed(audio.copy())  # copies: a function may work in place
    trial.check_again(answers, function, together, embed(audio.copy()))
    alone = np.concatenate([embed(clip[None].copy()) for clip in audio])
    if not trial.are_same(together, alone):
        answers.fault(f"{function} returned other embeddings of a clip alone than of the same clip in a batch")
    half = answers.width(function, together.ndim, share=2)
    if half != together.shape[-1]:
        widths = f"{half} for clips of {trial.TRIAL_SECONDS / 2:g} s and {together.shape[-1]} for twice as long ones"
        answers.fault(f"{function} returned embeddings of width {widths}, expected one width")
    return together


def _device_of(networks: list[nn.Module]) -> torch.device:
    """Where the first weights are; the CPU where there are none."""
    tensors = (tensor for net in networks for tensor in (*net.parameters(), *net.buffers()))
    return next((tensor.device for tensor in tensors), torch.device("cpu"))
