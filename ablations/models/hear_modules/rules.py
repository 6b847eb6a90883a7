"""The rules of the HEAR API that a model is checked against, one by one, on made clips.

`trial.check` refuses a model at the first fault; here every rule has its own result.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ablations.models.hear_modules import trial
from ablations.models.hear_modules.api import Answers, ModuleFault

OTHER_SECONDS = (0.5, 3.3)
"""Lengths of clips beside the trial's."""


def sample_rate(model: Answers) -> str:
    """The rate is a positive whole number."""
    if type(model.sample_rate) is not int or model.sample_rate < 1:
        model.fault(f"sample_rate must be a positive int, got {model.sample_rate!r:.60}")
    return f"{model.sample_rate} Hz"


def sizes(model: Answers) -> str:
    """Both sizes are declared."""
    for name, size in (("scene", model.scene_size), ("timestamp", model.timestamp_size)):
        if type(size) is not int or size < 1:
            model.fault(f"{name}_embedding_size must be a positive int, got {size!r:.60}")
    return f"scene {model.scene_size}, timestamp {model.timestamp_size}"


def scene_embeddings(model: Answers) -> str:
    """Scene embeddings have the shape (clips, size) and are float32."""
    return _shown(model.scene(_clips(model)))


def timestamp_embeddings(model: Answers) -> str:
    """Timestamp embeddings have the shape (clips, steps, size) and are float32, with the same timestamps for all."""
    values, _ = model.timestamps(_clips(model))
    return _shown(values)


def finite(model: Answers) -> str:
    """Embeddings of ordinary sound, and of silence, are finite."""
    for name, audio in (("an ordinary sound", _clips(model)), ("silence", np.zeros_like(_clips(model)))):
        for function, values in _answers(model, audio).items():
            if not np.isfinite(values).all():
                model.fault(f"{function} returned embeddings that are not finite, of {name}")
    return "of sound and of silence"


def same_again(model: Answers) -> str:
    """The same audio has the same embeddings again."""
    first = _answers(model, _clips(model))
    for function, values in _answers(model, _clips(model)).items():
        trial.check_again(model, function, first[function], values)
    return _largest(first, _answers(model, _clips(model)))


def alone_as_in_a_batch(model: Answers) -> str:
    """A clip alone has the embeddings that it has in a batch."""
    together = _answers(model, _clips(model))
    alone: dict[str, list[np.ndarray]] = {}
    for clip in _clips(model):
        for function, values in _answers(model, clip[None]).items():
            alone.setdefault(function, []).append(values)
    stacked = {function: np.concatenate(parts) for function, parts in alone.items()}
    for function, values in stacked.items():
        if not trial.are_same(together[function], values):
            difference = _largest({function: together[function]}, {function: values})
            model.fault(f"{function} returned other embeddings for a clip alone than in a batch: {difference}")
    return _largest(together, stacked)


def other_lengths(model: Answers) -> str:
    """Clips of other lengths are embedded, and more sound has no fewer timestamps."""
    steps = []
    for seconds in (*OTHER_SECONDS[:1], float(trial.TRIAL_SECONDS), *OTHER_SECONDS[1:]):
        audio = _clips(model, seconds)
        model.scene(audio.copy())
        _, times = model.timestamps(audio)
        steps.append(len(times))
    if steps != sorted(steps):
        model.fault(f"{model.timestamps_function} returned fewer timestamps for longer clips: {steps}")
    lengths = ", ".join(f"{seconds:g} s" for seconds in OTHER_SECONDS)
    return f"{lengths}; {steps[0]} and {steps[-1]} timestamps"


def timestamps_in_ms(model: Answers) -> str:
    """Timestamps are regular milliseconds inside the clip."""
    _, times = model.timestamps(_clips(model))
    hop = trial.check_times(model, times)
    return f"{times[0]:g} to {times[-1]:g} ms of {1000 * trial.TRIAL_SECONDS}" + (f", {hop:g} ms apart" if hop else "")


def input_unchanged(model: Answers) -> str:
    """The audio that a function gets is not written to."""
    for function in (model.scene_function, model.timestamps_function):
        audio = _clips(model)
        before = audio.copy()
        model.ask(function, audio)
        if not np.array_equal(audio, before):
            model.fault(f"{function} changed the audio that it was given")
    return ""


def no_gradient(model: Answers) -> str:
    """Embeddings keep no graph for gradients, which would hold the memory of a whole pass."""
    for function in (model.scene_function, model.timestamps_function):
        answer = model.ask(function, _clips(model))
        for part in answer if isinstance(answer, tuple | list) else [answer]:
            if getattr(part, "requires_grad", False):
                model.fault(f"{function} returned a tensor that requires a gradient")
    return ""


Rule = Callable[[Answers], str]
"""A check that returns what was seen, or raises `ModuleFault`."""
RULES: Mapping[str, Rule] = {
    "sample rate": sample_rate,
    "embedding sizes": sizes,
    "scene embeddings": scene_embeddings,
    "timestamp embeddings": timestamp_embeddings,
    "finite": finite,
    "the same again": same_again,
    "alone as in a batch": alone_as_in_a_batch,
    "other lengths": other_lengths,
    "timestamps in ms": timestamps_in_ms,
    "input unchanged": input_unchanged,
    "no gradient kept": no_gradient,
}


def results(model: Answers) -> list[tuple[str, bool, str]]:
    """Check every rule; (rule, whether it holds, what was seen or what is wrong) of each."""
    checked = []
    for name, rule in RULES.items():
        try:
            checked.append((name, True, rule(model)))
        except ModuleFault as error:
            checked.append((name, False, str(error).removeprefix(f"{model.title}: ")))
        except Exception as error:  # of a model that is no module
            checked.append((name, False, " ".join(f"{type(error).__name__}: {error}".split())))
    return checked


def _clips(model: Answers, seconds: float = trial.TRIAL_SECONDS) -> np.ndarray:
    """Made clips: (2, samples)."""
    clips = trial.fixed_clips(model.sample_rate)
    return np.ascontiguousarray(np.concatenate([clips, clips], axis=1)[:, : int(seconds * model.sample_rate)])


def _answers(model: Answers, audio: np.ndarray) -> dict[str, np.ndarray]:
    """The embeddings by function."""
    return {
        model.scene_function: model.scene(audio.copy()),
        model.timestamps_function: model.timestamps(audio.copy())[0],
    }


def _shown(values: np.ndarray) -> str:
    return f"{tuple(values.shape)} {values.dtype}"


def _largest(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """The largest difference of two answers, of their root mean square."""
    shares = [0.0]
    for function, values in first.items():
        if values.shape == second[function].shape:
            size = float(np.sqrt(np.mean(values.astype(np.float64) ** 2))) or 1.0
            shares.append(float(np.abs(values - second[function]).max()) / size)
    return f"differences up to {max(shares):.1g} of their root mean square"
