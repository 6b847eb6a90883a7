"""CUDA graphs of the pretended device: recorded operations, which are done at each replay."""

import contextlib
import ctypes
from collections.abc import Iterator
from typing import Any

from tests.pretended_cuda.device import Device


def graph_class(device: Device) -> type:
    """Make torch.cuda's class CUDAGraph for a device."""
    library = device.library

    class CUDAGraph:
        """Operations that are recorded during a capture, and done when they are replayed, as one launch."""

        def __init__(self, keep_graph: bool = False) -> None:
            self._number: int | None = None

        def capture_begin(self, pool: Any = None, capture_error_mode: str = "global") -> None:
            number = ctypes.c_int64()
            others_may_wait = ctypes.c_int64(capture_error_mode == "thread_local")
            device.check(library.pretended_capture_begin(ctypes.byref(number), others_may_wait))
            self._number = number.value

        def capture_end(self) -> None:
            library.pretended_capture_end()

        def replay(self) -> None:
            if self._number is None:
                raise RuntimeError("Called CUDAGraph::replay without a preceding successful capture.")
            device.check(library.pretended_replay(ctypes.c_int64(self._number)))

        def reset(self) -> None:
            if self._number is not None:
                library.pretended_forget(ctypes.c_int64(self._number))
            self._number = None

        def pool(self) -> tuple[int, int]:
            return (0, 1)

        def __len__(self) -> int:
            return 0 if self._number is None else int(library.pretended_length(ctypes.c_int64(self._number)))

        def __bool__(self) -> bool:
            return True

        def __del__(self) -> None:
            self.reset()

    return CUDAGraph


def capture(device: Device, stream_class: Any) -> Any:
    """Make the context torch.cuda.graph for a device."""

    @contextlib.contextmanager
    def graph(
        cuda_graph: Any, pool: Any = None, stream: Any = None, capture_error_mode: str = "global"
    ) -> Iterator[None]:
        device.wait("begin of a capture")
        with stream_class.use(stream or stream_class()):
            cuda_graph.capture_begin(pool, capture_error_mode)
            try:
                yield
            finally:
                cuda_graph.capture_end()

    return graph
