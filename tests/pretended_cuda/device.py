"""The pretended device as Python sees it: counts, waits and memory.

`present()` makes this process one that has the device, for good; it must come before torch is imported.
"""

import contextlib
import ctypes
import functools
import importlib.util
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.pretended_cuda import build

ROOT = Path(importlib.util.find_spec("passt").origin).parents[1]
OURS = tuple(str(ROOT / package) + "/" for package in ("passt", "downstream", "ablations", "results"))
HERE = str(Path(__file__).parent) + "/"
MEMORY = 139 << 30  # bytes


@dataclass(frozen=True)
class Wait:
    """The host waited until the device had done its work.

    Attributes:
        kind: for what.
        file: of the project's code that led to it, from the root; "" if none did.
        function: in that file, or the one around it.
        line: in that file.
    """

    kind: str
    file: str
    function: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}: {self.kind}"


@dataclass
class Counts:
    """What the device did during a time.

    Attributes:
        kernels: "name type" -> launches; a replay of a graph is one, "graph replay".
        to_device, to_host: copies.
        pinned: allocations of pinned memory of the host.
        captured: operations that were recorded into graphs.
        replayed: operations of graphs that were done.
        by_tf32: products and convolutions that were allowed to round their factors to TF32.
        waits: in order.
    """

    kernels: Counter[str] = field(default_factory=Counter)
    to_device: int = 0
    to_host: int = 0
    pinned: int = 0
    captured: int = 0
    replayed: int = 0
    by_tf32: int = 0
    waits: list[Wait] = field(default_factory=list)

    @property
    def launches(self) -> int:
        """All kernels together."""
        return sum(self.kernels.values())

    @property
    def operations(self) -> int:
        """Kernels that the device did, those of graphs among them."""
        return self.launches - self.kernels["graph replay"] + self.replayed

    def waits_by_place(self) -> Counter[tuple[str, str]]:
        """Count waits by file and function."""
        return Counter((wait.file, wait.function) for wait in self.waits)


class Device:
    """The pretended device of this process.

    Attributes:
        waits: all since `reset`.
        memory: bytes that it has.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self.library = library
        self.waits: list[Wait] = []
        self._callback = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(self._on_wait)  # kept: the library has its address
        for name in ("counts", "wait_until", "replay", "capture_begin"):
            getattr(library, f"pretended_{name}").restype = ctypes.c_char_p
        for name in ("allocated", "peak", "issued", "stream", "capturing", "length"):
            getattr(library, f"pretended_{name}").restype = ctypes.c_int64
        library.pretended_on_wait(self._callback)
        self.limit(MEMORY)

    @contextlib.contextmanager
    def counting(self) -> Iterator[Counts]:
        """Count what is done inside; the counts are complete at its end."""
        counts, before, waits = Counts(), self._counted(), len(self.waits)
        yield counts
        done = self._counted() - before
        counts.kernels = Counter(
            {name.removeprefix("kernel "): number for name, number in done.items() if name.startswith("kernel ")}
        )
        counts.to_device, counts.to_host = done["to device"], done["to host"]
        counts.pinned, counts.by_tf32 = done["pinned"], done["by tf32"]
        counts.captured, counts.replayed = done["captured"], done["replayed"]
        counts.waits = self.waits[waits:]

    def reset(self) -> None:
        """Begin anew: no counts, no waits, all memory."""
        self.library.pretended_reset()
        self.waits.clear()
        self.limit(MEMORY)

    @property
    def overwritten(self) -> int:
        """How often pinned memory was changed before the host knew that its copy to the device had been made."""
        return self._counted()["overwritten"]

    @property
    def allocated(self) -> int:
        """Bytes of tensors on the device."""
        return int(self.library.pretended_allocated())

    @property
    def peak(self) -> int:
        """The most bytes since `reset_peak`."""
        return int(self.library.pretended_peak())

    def reset_peak(self) -> None:
        """Begin the peak anew."""
        self.library.pretended_reset_peak()

    def limit(self, memory: int) -> None:
        """Set the bytes of memory that the device has. Beyond them, torch.OutOfMemoryError is raised."""
        self.memory = memory
        self.library.pretended_limit(ctypes.c_int64(memory))

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        """Leave kernels of floating numbers out, where their results have memory; they are counted all the same.

        What is computed inside is worth nothing, but the host does all that it would do.
        """
        self.library.pretended_idle(ctypes.c_int64(1))
        try:
            yield
        finally:
            self.library.pretended_idle(ctypes.c_int64(0))

    @property
    def issued(self) -> int:
        """How many kernels and copies the host has asked for, ever."""
        return int(self.library.pretended_issued())

    def wait(self, kind: str, until: int | None = None) -> None:
        """Let the host wait until all work is done, or that up to a number of `issued`."""
        number = ctypes.c_int64(self.issued if until is None else until)
        self.check(self.library.pretended_wait_until(kind.encode(), number))

    @staticmethod
    def check(error: bytes | None) -> None:
        """Raise an error of the library."""
        if error is not None:
            raise RuntimeError(f"CUDA error: {error.decode()}")

    def _counted(self) -> Counter[str]:
        lines = self.library.pretended_counts().decode().splitlines()
        return Counter({name: int(number) for name, number in (line.rsplit("\t", 1) for line in lines)})

    def _on_wait(self, kind: bytes) -> None:
        frame, outside = sys._getframe(1), None
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(OURS):
                path = str(Path(file).relative_to(ROOT))
                function = frame.f_code.co_qualname.partition(".<locals>")[0]
                self.waits.append(Wait(kind.decode(), path, function, frame.f_lineno))
                return
            if outside is None and not file.startswith(HERE):
                outside = Wait(kind.decode(), "", f"{file} {frame.f_code.co_qualname}", frame.f_lineno)
            frame = frame.f_back
        self.waits.append(outside or Wait(kind.decode(), "", "", 0))


@functools.cache
def present() -> Device:
    """Make this process one that has the device.

    Raises:
        RuntimeError: torch was imported before, or the device can't be built.
    """
    if reason := build.reason_against():
        raise RuntimeError(reason)
    if "torch" in sys.modules:
        raise RuntimeError("the pretended CUDA device must come before torch is imported")
    answers, library = build.libraries()
    first = ctypes.CDLL(str(answers), mode=ctypes.RTLD_GLOBAL)
    import torch  # noqa: F401  (between the two libraries)

    device = ctypes.CDLL(str(library))
    device.pretended_hooks.restype = ctypes.c_void_p
    first.pretended_present(ctypes.c_void_p(device.pretended_hooks()))
    made = Device(device)
    from tests.pretended_cuda.torch_cuda import install

    install(made)
    return made
