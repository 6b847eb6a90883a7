"""Ways to execute units. An engine is one file, and one row of `ENGINES`.

The files that a run leaves are the same whichever engine executed it. An engine may not compute anything itself: it
decides where and when `ablations.units.execute` does: unit by unit (`run_unit`), or, in this process, several units at
once (`ablations.units.waiting`).
"""

import importlib
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # the table loads without torch
    from ablations.units.unit import Settings, Unit
    from ablations.units.work import UnitResult
    from downstream.progress import Track

ENGINES: Mapping[str, tuple[str, str]] = {
    "here": ("ablations.engines.here", "Here"),
    "ray": ("ablations.engines.ray.engine", "RayEngine"),
}
"""name -> the module and the class of an engine, which are imported when the engine is asked for."""

Results = Generator[tuple["Unit", "UnitResult"], None, None]
"""Every unit with its result, as soon as it is ready."""


class Engine(Protocol):
    """What executes the units of a run."""

    def device(self, device: str | None) -> str:
        """Choose the device of a run.

        Args:
            device: "cpu" or "cuda"; None leaves the choice to the engine.

        Raises:
            ValueError: the engine does not have the device.
        """
        ...

    def check(self, settings: "Settings") -> None:
        """Raise ValueError for a precision that can't be computed, before anything is done."""
        ...

    def results(self, units: Sequence["Unit"], settings: "Settings", track: "Track") -> Results:
        """Execute units, in any order."""
        ...


def make_engine(name: str, **options: Any) -> Engine:
    """Make an engine by its name in `ENGINES`.

    Args:
        options: the arguments of the engine's class.

    Raises:
        ValueError: for an unknown name, or options that the engine refuses.
    """
    if name not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {name!r}")
    module, kind = ENGINES[name]
    instance: Engine = getattr(importlib.import_module(module), kind)(**options)
    return instance
