"""What the device is, and what it allows: products, launches, copies and the disk below it."""

import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch

from ablations.benchmarks.record import Record
from ablations.system import child
from ablations.system.machine import best, machine, product_rates
from passt.network.precision import available

SQUARE = 8192  # rows and columns of a large product
LAUNCHES = 2000  # kernels that are launched one after the other
CAPTURED = 200  # kernels of a CUDA graph
COPIES = 5
WRITTEN = 1 << 20  # bytes of a file that is synced
SYNCS = 20
DRIVER_S = 20.0  # time limit of nvidia-smi
VALUES = {"property": "", "value": ""}


def facts(device: str) -> Record:
    """List the device, its software, and the machine around it."""
    values: dict[str, Any] = {"device": machine(device), "python": platform.python_version()}
    values |= {"torch": torch.__version__, "CUDA": torch.version.cuda, "processor": machine("cpu")}
    values |= {"main memory (GB)": round(psutil.virtual_memory().total / 1e9), "threads": torch.get_num_threads()}
    if torch.device(device).type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        values |= {
            "memory (GB)": round(properties.total_memory / 1e9, 1),
            "capability": f"{properties.major}.{properties.minor}",
            "multiprocessors": properties.multi_processor_count,
            "cuDNN": torch.backends.cudnn.version(),
            "driver": _driver(),
            "devices": torch.cuda.device_count(),
        }
    rows = [{"property": name, "value": str(value)} for name, value in values.items() if value is not None]
    return Record("The device, its software, and the machine around it", rows, VALUES, device=device)


def products(device: str) -> Record:
    """Measure the rates of matrix products in each precision."""
    rows = []
    for precision in available(torch.device(device)):
        linear, fastest = product_rates(device, precision)
        rows.append({"product": f"blocks of PaSST, {precision}", "tflops": fastest / 1e12, "linear": linear / 1e12})
    if torch.device(device).type == "cuda":
        a, b = (torch.randn(SQUARE, SQUARE, device=device, dtype=torch.bfloat16) for _ in range(2))
        seconds = best(lambda: a @ b, 10, device=device)
        rows.append({"product": f"{SQUARE} x {SQUARE} x {SQUARE}, bf16", "tflops": 2e-12 * SQUARE**3 / seconds})
    columns = {"product": "", "tflops": "10^12 operations a second, the fastest form", "linear": "by torch's layers"}
    return Record("Matrix products of noise; the median over the four shapes of a block", rows, columns, device=device)


def launches(device: str) -> Record:
    """Measure what a small kernel, a wait and a replayed kernel cost."""
    x = torch.zeros(1, device=device)

    def small_kernels() -> None:
        for _ in range(LAUNCHES):
            x.add_(1.0)

    small_kernels()
    wait(device)
    start = time.perf_counter()
    small_kernels()
    host = time.perf_counter() - start
    wait(device)
    whole = time.perf_counter() - start
    rows = [
        {"what": "host time of a launch", "microseconds": 1e6 * host / LAUNCHES},
        {"what": "a launch with its kernel", "microseconds": 1e6 * whole / LAUNCHES},
        {"what": "a kernel and a wait for it", "microseconds": 1e6 * best(lambda: x.add_(1.0), 50, device=device)},
    ]
    if torch.device(device).type == "cuda":
        seconds = best(_captured(x).replay, 20, device=device)
        rows.append({"what": "a kernel of a replayed CUDA graph", "microseconds": 1e6 * seconds / CAPTURED})
    columns = {"what": "", "microseconds": ""}
    return Record("Additions of one number, launched one after the other", rows, columns, device=device)


def copies(device: str, megabytes: int) -> Record:
    """Measure copies to the device, from it, and within it."""
    count = megabytes * 250_000
    there = torch.randn(count, device=device)
    other, pageable = torch.empty_like(there), torch.randn(count)
    runs: dict[str, Callable[[], Any]] = {
        "to the device, pageable memory": lambda: there.copy_(pageable),
        "from the device, pageable memory": lambda: pageable.copy_(there),
    }
    if torch.device(device).type == "cuda":
        pinned = torch.randn(count).pin_memory()
        runs["to the device, pinned memory"] = lambda: there.copy_(pinned, non_blocking=True)
        runs["from the device, pinned memory"] = lambda: pinned.copy_(there, non_blocking=True)
        runs["pinning the memory"] = pageable.pin_memory
    rows = [{"copy": name, "gb_per_s": 4e-9 * count / best(run, COPIES, device=device)} for name, run in runs.items()]
    seconds = best(lambda: other.copy_(there), COPIES, device=device)
    rows.append({"copy": "within the device, read and written", "gb_per_s": 8e-9 * count / seconds})
    columns = {"copy": "", "gb_per_s": "10^9 bytes a second, the best of 5"}
    return Record(f"Copies of {megabytes} MB", rows, columns, device=device)


def disk(device: str) -> Record:
    """Measure writing a file of 1 MB with and without a sync, in the folder of temporary files."""
    with tempfile.TemporaryDirectory() as folder:
        plain = best(lambda: _written(Path(folder) / "plain", sync=False), SYNCS)
        synced = [_seconds(lambda: _written(Path(folder) / "synced", sync=True)) for _ in range(SYNCS)]
    rows = [
        {"what": "without a sync, the best", "milliseconds": 1e3 * plain},
        {"what": "with a sync, the best", "milliseconds": 1e3 * min(synced)},
        {"what": "with a sync, the median", "milliseconds": 1e3 * sorted(synced)[SYNCS // 2]},
    ]
    return Record("Writing 1 MB", rows, {"what": "", "milliseconds": ""}, device=device)


def wait(device: str) -> None:
    """Wait for the end of what the device does."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def _captured(x: torch.Tensor) -> torch.cuda.CUDAGraph:
    """Capture `CAPTURED` additions."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(CAPTURED):
            x.add_(1.0)
    return graph


def _driver() -> str | None:
    """The version of NVIDIA's driver; None if nvidia-smi does not tell."""
    try:
        answer = child.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], DRIVER_S)
    except ValueError:
        return None
    return answer.decode(errors="replace").split("\n")[0].strip() or None


def _written(path: Path, sync: bool) -> None:
    with path.open("wb") as file:
        file.write(b"0" * WRITTEN)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
