"""Models as a caller names them: names, specs, HEAR modules, and Python objects, as entries of a study."""

import logging
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from ablations.models import registry
from ablations.models.hear_modules.address import PREFIX
from ablations.models.hear_modules.api import FUNCTIONS
from ablations.models.objects.python_model import PythonModel, model
from ablations.models.objects.registered import registered
from passt import EmbeddingSpec

Entry = str | dict[str, Any]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Declared:
    """Models as entries of a study.

    Attributes:
        entries: a text or a mapping, as YAML has it, for each model.
        objects: the Python objects among the models, by the checkpoints that the entries name.
    """

    entries: tuple[Entry, ...]
    objects: dict[str, PythonModel] = field(default_factory=dict)

    @classmethod
    def of(cls, models: Iterable[Any], sample_rate: int | None = None) -> "Declared":
        """Read models.

        Args:
            models: each a name or a spec; ``hear:module``, or the module itself; a function, a network or an object
                that `ablations.model` takes; or a mapping of a study's keys, whose `checkpoint` and `beside` may be any
                of these.
            sample_rate: of functions and objects that do not have one, in Hz.

        Raises:
            ValueError: no model, or something that is none.
        """
        objects: dict[str, PythonModel] = {}
        entries = tuple(_entry(value, objects, sample_rate) for value in models)
        if not entries:
            raise ValueError("models: expected at least one model, got none")
        return cls(entries, objects)

    def check(self) -> None:
        """Try every Python object on fixed clips; ValueError says in a line what is wrong with one."""
        with registered(self.objects):
            for checkpoint, model in self.objects.items():
                before, unknown = model.identified()
                registry.build(registry.resolve({"checkpoint": checkpoint}), device="cpu")
                reason = f"nothing identifies {', '.join(unknown[:3])}" if unknown else ""
                reason = "calling it changes what it is" if model.spec() != before else reason
                if reason:
                    text = (
                        "%s: not reusable, its results are computed anew another time: %s; version='...' identifies it"
                    )
                    logger.warning(text, model.name, reason)


def listed(values: Any) -> list[Any]:
    """A list of what a caller gave: one thing, or several in a list or a tuple."""
    return list(values) if isinstance(values, list | tuple) else [values]


def _entry(value: Any, objects: dict[str, PythonModel], sample_rate: int | None) -> Entry:
    if isinstance(value, Mapping):
        return _mapped(dict(value), objects, sample_rate)
    if isinstance(value, str | EmbeddingSpec):
        return str(value)
    if isinstance(value, Path):
        raise ValueError(f"a model must be a name, a spec or an object, got the path {value}; weights name a file")
    if isinstance(value, ModuleType) and all(callable(getattr(value, name, None)) for name in FUNCTIONS):
        if sys.modules.get(value.__name__) is not value:
            raise ValueError(f"the module {value.__name__} can't be imported by its name, expected one that can")
        return PREFIX + value.__name__
    try:
        rate = None if hasattr(value, "sample_rate") else sample_rate
        taken = value if isinstance(value, PythonModel) else model(value, sample_rate=rate)
    except ValueError as error:
        if isinstance(value, ModuleType):
            raise ValueError(f"{value.__name__}: a HEAR module needs {', '.join(FUNCTIONS)}") from None
        raise ValueError(str(error).replace("a model must be", "a model must be a name, a spec,")) from None
    spec = taken.spec()
    objects[spec.checkpoint] = taken
    return {"checkpoint": spec.checkpoint, "weights": spec.weights}


def _beside(value: Any, objects: dict[str, PythonModel], sample_rate: int | None) -> Any:
    """What stands beside a model, with entries in the place of objects."""
    if isinstance(value, list | tuple):
        return [_beside(one, objects, sample_rate) for one in value]
    return value if isinstance(value, str) else _entry(value, objects, sample_rate)


def _mapped(entry: dict[str, Any], objects: dict[str, PythonModel], sample_rate: int | None) -> Entry:
    """An entry whose checkpoint, and the models beside it, may be objects."""
    if "beside" in entry:
        entry["beside"] = _beside(entry["beside"], objects, sample_rate)
    checkpoint = entry.get("checkpoint")
    if checkpoint is None or isinstance(checkpoint, str | list):
        return entry
    made = _entry(checkpoint, objects, sample_rate)
    return {**entry, **(made if isinstance(made, dict) else {"checkpoint": made})}
