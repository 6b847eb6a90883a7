"""The Python objects that this process has under their specs, for as long as something is computed with them."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ablations.models.objects.python_model import PythonModel

_MODELS: dict[str, list[PythonModel]] = {}
_LOCK = threading.Lock()


@contextmanager
def registered(models: Mapping[str, PythonModel]) -> Iterator[None]:
    """Have objects under the checkpoints of their specs; the inner of two with one checkpoint counts."""
    with _LOCK:
        for checkpoint, model in models.items():
            _MODELS.setdefault(checkpoint, []).append(model)
    try:
        yield
    finally:
        with _LOCK:
            for checkpoint, model in models.items():
                _MODELS[checkpoint].remove(model)


def get(checkpoint: str) -> PythonModel:
    """Get the object of a checkpoint.

    Raises:
        ValueError: this process does not have it.
    """
    with _LOCK:
        if models := _MODELS.get(checkpoint):
            return models[-1]
    raise ValueError(f"{checkpoint}: this process has no such object; hand it to ablations.run or ablations.evaluate")
