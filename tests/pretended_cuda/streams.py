"""Streams and events of the pretended device. All work is done in the order of the calls, whatever the stream."""

import contextlib
import ctypes
import itertools
import time
from collections.abc import Iterator
from typing import Any

import torch

from tests.pretended_cuda.device import Device


def stream_classes(device: Device) -> tuple[type, type]:
    """Make torch.cuda's classes Stream and Event for a device."""
    numbers = itertools.count(1)

    class Stream:
        """A stream, by its number; 0 is the default one."""

        def __init__(self, device: Any = None, priority: int = 0, number: int | None = None, **_: Any) -> None:
            self.device, self.priority = torch.device("cuda", 0), priority
            self.stream_id = self.cuda_stream = next(numbers) if number is None else number

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Stream) and other.stream_id == self.stream_id

        def __hash__(self) -> int:
            return hash(self.stream_id)

        def __enter__(self) -> "Stream":
            self._entered = use(self)
            self._entered.__enter__()
            return self

        def __exit__(self, *error: Any) -> None:
            self._entered.__exit__(*error)

        def synchronize(self) -> None:
            device.wait("stream")

        def query(self) -> bool:
            return True

        def wait_stream(self, other: "Stream") -> None:
            pass

        def wait_event(self, event: "Event") -> None:
            pass

        def record_event(self, event: "Event | None" = None) -> "Event":
            event = event or Event()
            event.record(self)
            return event

    class Event:
        """A moment in a stream: how much had been issued then."""

        def __init__(self, enable_timing: bool = False, **_: Any) -> None:
            self.seconds, self.issued = 0.0, 0

        def record(self, stream: Stream | None = None) -> None:
            self.seconds, self.issued = time.perf_counter(), device.issued

        def wait(self, stream: Stream | None = None) -> None:
            pass

        def query(self) -> bool:
            return True

        def synchronize(self) -> None:
            device.wait("event", self.issued)

        def elapsed_time(self, later: "Event") -> float:
            return 1000 * (later.seconds - self.seconds)

    @contextlib.contextmanager
    def use(stream: Stream | None) -> Iterator[None]:
        before = device.library.pretended_stream()
        if stream is not None:
            device.library.pretended_set_stream(ctypes.c_int64(stream.stream_id))
        try:
            yield
        finally:
            device.library.pretended_set_stream(ctypes.c_int64(before))

    Stream.use = staticmethod(use)
    return Stream, Event
