"""Timers around functions, in whichever thread they run: the stages of a run, and the sums that guard its files.

The seconds of a stage do not include those of other stages within it. Threads run side by side, so that the stages
together can take longer than the run.
"""

import contextlib
import functools
import hashlib
import importlib
import threading
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

from downstream.store import extraction

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
    "scoring": (
        "downstream.probes.validation:Validator.begin",
        "downstream.probes.validation:_by_host",
        "downstream.probes.fit:Fitting.validation",
    ),
}
"""Stage of a run -> its functions. `network` includes pooling and copies, `reading` hashes and headers, `probes` tests;
`scoring` is that of validations. On a GPU, work is launched in one stage and may be waited for in another."""
SUMS = {
    "content_hashes": ("downstream.tasks.clip_cache:hash_of",),
    "sums": (
        "downstream.tasks.clip_cache:sum_of",
        "downstream.disk.sums:sum_of",
        "downstream.disk.sums:seal_of",
        "downstream.store.journal:seal_of",
        "downstream.store.extraction:sum_of_part",
        "downstream.store.tap_file:sum_of_part",
        "results.rows.job_files:sha256_of",
        "results.rows.job_files:_sum_of",
        "ablations.store.run_check:sha256_of",
    ),
}
"""Content hashes name jobs, sums only guard files -> the functions that make and verify them, in the modules that call
them. Reading a file that is only hashed counts."""


class Clock:
    """The seconds of each stage so far, and the stages that are running.

    Args:
        stages: their names.
        timer: returns seconds, such as `time.thread_time` for CPU time.
    """

    def __init__(self, stages: Sequence[str], timer: Callable[[], float] = time.perf_counter) -> None:
        self.seconds, self._timer = dict.fromkeys(stages, 0.0), timer
        self._lock, self._inner, self._threads = threading.Lock(), threading.local(), dict.fromkeys(stages, 0)

    def running(self) -> tuple[str, ...]:
        """Return the stages that some thread is in."""
        with self._lock:
            return tuple(stage for stage, threads in self._threads.items() if threads)

    def wrapped(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a timer around it."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            outer: list[float] | None = self._inner.__dict__.get("seconds")
            inner = self._inner.seconds = [0.0]
            with self._lock:
                self._threads[stage] += 1
            start = self._timer()
            try:
                return function(*args, **kwargs)
            finally:
                seconds = self._timer() - start
                self._inner.seconds = outer
                if outer is not None:
                    outer[0] += seconds
                with self._lock:
                    self._threads[stage] -= 1
                    self.seconds[stage] += seconds - inner[0]

        return timed


@contextlib.contextmanager
def timed(
    stages: Mapping[str, Sequence[str]] = STAGES, timer: Callable[[], float] = time.perf_counter
) -> Iterator[Clock]:
    """Time the stages of this process while the context lasts."""
    clock = Clock(list(stages), timer)
    with contextlib.ExitStack() as patches:
        for stage, functions in stages.items():
            for function in functions:
                owner, name, original = _place(function)
                patches.enter_context(mock.patch.object(owner, name, clock.wrapped(stage, original)))
        yield clock


@contextlib.contextmanager
def timed_sums() -> Iterator[Clock]:
    """Time the CPU seconds of `SUMS` while the context lasts, and of an extraction's running sums."""

    def running_sum() -> Any:
        digest = hashlib.sha256()
        parts = {"update": digest.update, "hexdigest": digest.hexdigest}
        return types.SimpleNamespace(**{name: clock.wrapped("sums", part) for name, part in parts.items()})

    with (
        timed(SUMS, time.thread_time) as clock,
        mock.patch.object(extraction, "hashlib", types.SimpleNamespace(sha256=running_sum)),
    ):
        yield clock


def _place(function: str) -> tuple[Any, str, Callable[..., Any]]:
    """Return the object that holds a function, the attribute's name, and the function."""
    module, _, path = function.partition(":")
    *outer, name = path.split(".")
    owner = functools.reduce(getattr, outer, importlib.import_module(module))
    return owner, name, getattr(owner, name)
