"""A module of the HEAR common API (https://hearbenchmark.com/hear-api.html): loaded, tried once, and then asked.

Used in two ways: imported here, and by `worker.py` in another interpreter, which may be an old one (Python 3.7 on) and
have numpy and the module's own needs alone. So this file imports nothing of the project, nor torch or tensorflow: what
framework a model is of shows in what its module imported.

The checks are those that hear-validator 2021.0.2 makes (functions, attributes, types, shapes, float32, regular
timestamps), and the API's text (milliseconds, the same timestamps for all clips of a batch).
"""

import importlib
import sys

import numpy as np

try:
    from importlib import metadata
except ImportError:  # before Python 3.8
    metadata = None

FUNCTIONS = ("load_model", "get_scene_embeddings", "get_timestamp_embeddings")
SIZES = ("sample_rate", "scene_embedding_size", "timestamp_embedding_size")
TIMES = ("float32", "float64", "int32", "int64")  # float16 has no whole numbers above 2048
TRIAL_SECONDS = 2
REGULAR_MS = 1.0  # what steps may differ from their mean, hear-validator's words
MANY = 8  # so many timestamps reach beyond that part of a clip
SKETCH_PARTS = 8
SAME_SHARE = 1e-3  # of embeddings' root mean square, by which a device may compute the same differently


class ModuleFault(ValueError):
    """A module that does not do what the API says; one line that names it."""


class Module:
    """A loaded module whose answers have been checked once.

    Args:
        name: what is imported. options: keyword arguments of its load_model.
        weights: the path that load_model gets; None for the module's own. device: for models of torch.

    Attributes:
        about: its sizes (`SIZES`), `versions` (distribution: version, where known), and from the fixed clips
            `own_hop_ms`, the mean step of its timestamps (None for a single one), and `sketch` of its embeddings.

    Raises:
        ModuleFault: for a module that can't be imported or loaded, or breaks the API.
    """

    def __init__(self, name, options, weights, device):
        self.name, self.device = name, device
        self.module = self._guarded("can't be imported", importlib.import_module, name)
        for function in FUNCTIONS:
            if not callable(getattr(self.module, function, None)):
                self._fault(f"has no function {function}; the HEAR API asks for {', '.join(FUNCTIONS)}")
        arguments = [] if weights is None else [weights]
        self.model = self._guarded("load_model failed", self.module.load_model, *arguments, **options)
        self.framework = framework_of(self.model)
        if self.framework is None:
            wanted = "a torch.nn.Module or a tensorflow.Module"
            self._fault(f"load_model returned {_type(self.model)}, expected {wanted}")
        if self.framework == "torch":
            self._guarded(f"its model can't go to {device}", self.model.to, device)
            self.model.eval()
        self.about = {key: self._size(key) for key in SIZES}
        self.about["versions"] = versions(name)
        self.about.update(self._tried())

    def scene(self, audio):
        """(clips, samples) float32 -> (clips, scene_embedding_size) float32."""
        found = self._call("get_scene_embeddings", audio)
        wanted = (len(audio), self.about["scene_embedding_size"])
        return self._floats("get_scene_embeddings", found, wanted, "(clips, scene_embedding_size)")

    def timestamps(self, audio):
        """(clips, samples) float32 -> (clips, steps, timestamp_embedding_size) float32, (steps,) float64 in ms."""
        function = "get_timestamp_embeddings"
        found = self._call(function, audio)
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            self._fault(f"{function} returned {_type(found)}, expected the pair (embeddings, timestamps)")
        steps = found[0].shape[1] if len(getattr(found[0], "shape", ())) > 1 else "steps"
        wanted = (len(audio), steps, self.about["timestamp_embedding_size"])
        values = self._floats(function, found[0], wanted, "(clips, steps, timestamp_embedding_size)")
        if not values.shape[1]:
            self._fault(f"{function} returned no timestamp for {_shape(audio)} samples, expected at least one")
        return values, self._times(function, found[1], values.shape[:2])

    def _times(self, function, found, shape):
        if dtype_of(found) not in TIMES:
            self._fault(f"{function} returned timestamps of {dtype_of(found)}, expected one of {', '.join(TIMES)}")
        times = to_array(found).astype(np.float64)
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
        return times[0]

    def _floats(self, function, found, shape, meaning):
        if dtype_of(found) != "float32":
            self._fault(f"{function} returned embeddings of {dtype_of(found)}, expected float32")
        values = np.ascontiguousarray(to_array(found))
        if values.shape != shape:
            text = ", ".join(map(str, shape))
            self._fault(f"{function} returned embeddings of shape {values.shape}, expected ({text}): {meaning}")
        return values

    def _call(self, function, audio):
        ask = getattr(self.module, function)
        failed = f"{function} on audio {_shape(audio)} failed"
        if self.framework == "torch":
            torch = sys.modules["torch"]
            with torch.no_grad():
                return self._guarded(failed, ask, torch.from_numpy(audio).to(self.device), self.model)
        return self._guarded(failed, ask, sys.modules["tensorflow"].convert_to_tensor(audio), self.model)

    def _tried(self):
        """What its answers on two fixed clips say, asked for twice.

        ModuleFault where they differ, and where the timestamps are no regular milliseconds.
        """
        audio = fixed_clips(self.about["sample_rate"])
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
        slack = hop or REGULAR_MS  # a last window may be centred behind the end, by padding
        if times[0] < -slack or last > length + slack:
            got = f"got {times[0]:g} to {last:g}"
            self._fault(f"{function} returned timestamps outside of a clip, expected 0 to {length:g} ms, {got}")
        if hop and np.abs(steps - hop).max() > REGULAR_MS:
            got = f"got {steps.min():g} to {steps.max():g} ms"
            self._fault(f"{function} returned irregular timestamps, expected steps of {hop:g} ms, {got}")
        return {"own_hop_ms": hop, "sketch": [sketch(scenes), sketch(values)]}

    def _check_again(self, function, first, second):
        """Refuse a module that draws: the same audio, asked for again, has to have the same embeddings."""
        if not (np.isfinite(first).all() and np.isfinite(second).all()):
            self._fault(f"{function} returned embeddings that are not finite, of an ordinary sound")
        size = np.sqrt(np.mean(first.astype(np.float64) ** 2))
        if first.shape != second.shape or np.abs(first - second).max() > SAME_SHARE * size:
            again = "asked again with the same audio; is something drawn at random, or kept from call to call?"
            self._fault(f"{function} returned other embeddings when {again}")

    def _size(self, key):
        value = getattr(self.model, key, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            self._fault(f"its model's {key} must be a positive int, got {value!r:.60}")
        return value

    def _guarded(self, failed, function, *arguments, **options):
        """What a function of the module returns; what it raises is told in a line."""
        try:
            return function(*arguments, **options)
        except (Exception, SystemExit) as error:
            text = f"{failed}: {type(error).__name__}: {error}"
            raise ModuleFault(f"hear:{self.name}: {' '.join(text.split()):.400}") from error

    def _fault(self, text):
        raise ModuleFault(f"hear:{self.name}: {' '.join(text.split())}")


def fixed_clips(sample_rate):
    """Two clips of 2 s at any rate, always the same: a sweep and a decaying tone, each with a little of everything."""
    t = np.arange(TRIAL_SECONDS * sample_rate) / sample_rate
    ramp = scattered(len(t))  # over all frequencies
    sweep = 0.4 * np.sin(2 * np.pi * (200 * t + 300 * t**2))
    decaying = 0.5 * np.exp(-3 * (t % 1)) * np.sin(2 * np.pi * 880 * t)
    return np.stack([sweep + 0.05 * ramp, decaying + 0.02 * ramp]).astype(np.float32)


def scattered(count):
    """Numbers that are spread evenly over [-1, 1], always the same."""
    return np.arange(count, dtype=np.int64) * 2654435761 % 2**32 / 2.0**31 - 1


def sketch(values):
    """What is left of embeddings to tell models apart: root mean squares of a few parts, to three digits.

    Each a second time with fixed numbers of its size added: signs and places of values make no difference to the
    first. Rounding each value would not do: of many thousands some always lie where rounding turns, and another device
    or number of threads would look like another model.
    """
    found = []
    for part in np.array_split(values.astype(np.float64).ravel(), SKETCH_PARTS):
        if len(part):
            size = np.sqrt(np.mean(part**2))
            beside = np.sqrt(np.mean((part + size * scattered(len(part) + 1)[1:]) ** 2))  # the first is -1: too even
            found += ["%.2e" % size, "%.2e" % beside]  # noqa: UP031
    return found


def framework_of(model):
    """torch or tensorflow; None for what is a model of neither."""
    torch, tensorflow = sys.modules.get("torch"), sys.modules.get("tensorflow")
    if torch is not None and isinstance(model, torch.nn.Module):
        return "torch"
    if tensorflow is not None and isinstance(model, tensorflow.Module):
        return "tensorflow"
    return None


def dtype_of(value):
    """The name of a tensor's or an array's type of number; of anything else its type."""
    dtype = getattr(value, "dtype", None)
    return _type(value) if dtype is None else getattr(dtype, "name", str(dtype).replace("torch.", ""))


def to_array(value):
    """A tensor of torch or tensorflow, or an array, as an array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return value.numpy() if hasattr(value, "numpy") else np.asarray(value)


def versions(name):
    """{distribution: version} of the package that a module is in; empty where that is not known."""
    top, found = name.split(".")[0], {}
    for distribution in metadata.distributions() if metadata else ():
        tops = (distribution.read_text("top_level.txt") or "").split()
        if not tops:
            tops = {file.parts[0].split(".")[0] for file in distribution.files or () if file.suffix == ".py"}
        if top in tops:
            found.setdefault(distribution.metadata["Name"], distribution.version)
    return found


def _type(value):
    return f"{type(value).__module__}.{type(value).__name__}".replace("builtins.", "")


def _shape(audio):
    return "x".join(map(str, audio.shape))
