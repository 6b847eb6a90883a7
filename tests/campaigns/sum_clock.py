"""A clock for the CPU time that sums take, whatever thread makes them."""

import contextlib
import hashlib
import threading
import time
import types
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from ablations.store import run_check
from downstream.disk import sums
from downstream.store import extraction, journal, tap_file
from downstream.tasks import clip_cache
from results.rows import job_files

FUNCTIONS = (
    (clip_cache, "hash_of"),
    (clip_cache, "sum_of"),
    (sums, "sum_of"),
    (sums, "seal_of"),
    (journal, "seal_of"),
    (extraction, "sum_of_part"),
    (tap_file, "sum_of_part"),
    (job_files, "sha256_of"),
    (job_files, "_sum_of"),
    (run_check, "sha256_of"),
)
"""What makes and verifies sums, in the modules that call it; the reading of files that are only hashed is in it."""


class Clock:
    """Seconds of CPU time in the functions that are timed by it, of all threads, by the functions' names."""

    def __init__(self) -> None:
        self.by_name: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def seconds(self) -> float:
        return self.by_name.total()

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function; its time is added to the clock's."""

        def call(*arguments: Any, **options: Any) -> Any:
            start = time.thread_time()
            try:
                return function(*arguments, **options)
            finally:
                took = time.thread_time() - start
                with self._lock:
                    self.by_name[function.__name__] += took

        return call


@contextlib.contextmanager
def clock_of_sums() -> Iterator[Clock]:
    """A clock of all sums that are made and verified meanwhile, the running ones of an extraction among them."""
    clock = Clock()

    def running_sum() -> Any:
        digest = hashlib.sha256()
        names = ("update", "hexdigest")
        return types.SimpleNamespace(**{name: clock.timed(getattr(digest, name)) for name in names})

    with contextlib.ExitStack() as patches:
        for module, name in FUNCTIONS:
            patches.enter_context(mock.patch.object(module, name, clock.timed(getattr(module, name))))
        # an extraction's running sums are objects: those that it makes are timed ones
        patches.enter_context(mock.patch.object(extraction, "hashlib", types.SimpleNamespace(sha256=running_sum)))
        yield clock
