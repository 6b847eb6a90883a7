"""Where the time of a run goes: timers around its stages, in whichever thread they are.

A stage's seconds are those in its functions less those in the functions of other stages within. Threads work side by
side, so that the stages together can take longer than the run.
"""

import functools
import importlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STAGES = {
    "reading": (
        "downstream.tasks.audio:SplitAudio.load",
        "downstream.tasks.audio:SplitAudio.seconds",
        "downstream.tasks.audio:SplitAudio.hashes.func",
    ),
    "mel": ("passt.windows.mel:MelSpectrogram.forward",),
    "network": ("downstream.extract:_embed",),
    "writing": (
        "downstream.store.extraction:Extraction.append",
        "downstream.store.extraction:Extraction.finish",
        "numpy:savez_compressed",
        "results.rows.rows:write_rows",
        "os:fsync",
    ),
    "verifying": ("downstream.store.tap_file:verify", "downstream.checks:first_bad_item"),
    "probes": ("downstream.probes.pack:_Pack.run", "downstream.evaluate:Evaluation._result"),
}
"""Stage -> its functions. `network` has what lies around the front end: the network, pooling, copies; `reading` hashes
and headers too; `probes` validations, scores and tests."""


class Clock:
    """The seconds of each stage so far, and the stages that are going on."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._lock, self._own, self._going = threading.Lock(), threading.local(), dict.fromkeys(STAGES, 0)

    def going(self) -> tuple[str, ...]:
        """The stages that some thread is in."""
        with self._lock:
            return tuple(stage for stage, threads in self._going.items() if threads)

    def wrapped(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            within = getattr(self._own, "within", None)
            frame = self._own.within = [0.0]
            with self._lock:
                self._going[stage] += 1
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                taken = time.perf_counter() - start
                self._own.within = within
                if within is not None:
                    within[0] += taken
                with self._lock:
                    self._going[stage] -= 1
                    self.seconds[stage] += taken - frame[0]

        return timed


@contextmanager
def timed() -> Iterator[Clock]:
    """Time the stages of this process meanwhile."""
    clock, originals = Clock(), []
    try:
        for stage, targets in STAGES.items():
            for target in targets:
                owner, name = _place(target)
                original = getattr(owner, name)
                originals.append((owner, name, original))
                setattr(owner, name, clock.wrapped(stage, original))
        yield clock
    finally:
        for owner, name, original in reversed(originals):
            setattr(owner, name, original)


def _place(target: str) -> tuple[Any, str]:
    """What holds a function, and under which name."""
    module, _, path = target.partition(":")
    owner = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    return owner, name
