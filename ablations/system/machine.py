"""This machine: its devices, their names and their speed, and the versions of what computes."""

import functools
import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from passt.catalog.architecture import Architecture
from passt.devices import available, placed
from passt.network import onednn
from passt.network.precision import PRECISIONS, arithmetic

PRODUCT_REPEATS = 20  # timed products of each shape and form
TOKENS = {"cpu": 4096, "cuda": 65536}  # rows of the products that are measured: about a batch of PaSST's
VERSIONS_OF = ("embedding-ablations", "torch", "numpy", "scikit-learn", "scipy", "soxr")


def choose_device(name: str | None = None) -> str:
    """Return the full name of a device, "cpu" or such as "cuda:0"; None chooses CUDA if this machine has it.

    Raises:
        ValueError: this machine has no such device.
    """
    device = placed("auto" if name is None else name)
    if device not in (torch.device("cpu"), torch.device("cuda", device.index or 0)):
        raise ValueError(f"device must be {available()}, got {name!r}")
    return str(device)


def machine(device: str) -> str:
    """The name of a device: the GPU's, or the processor's with its number of cores."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


def product_rates(device: str, precision: str = "fp32") -> tuple[float, float]:
    """Measure matrix products in operations per second.

    The rate is the median over the four shapes of a transformer block.

    Args:
        device: cpu or cuda.
        precision: a key of `PRECISIONS`.

    Returns:
        The rate of torch's own linear layers, and that of the fastest form; on a CPU this can be oneDNN with packed
        weights.
    """
    tokens = TOKENS[torch.device(device).type]
    dtype = PRECISIONS[precision].dtype
    width, hidden = Architecture().width, Architecture().mlp_width
    plain, fastest = [], []
    with torch.no_grad(), arithmetic(PRECISIONS[precision].matmul):
        for inputs, outputs in ((width, 3 * width), (width, width), (width, hidden), (hidden, width)):
            linear = torch.nn.Linear(inputs, outputs, device=device, dtype=dtype)
            x = torch.randn(tokens, inputs, device=device, dtype=dtype)
            forms: list[torch.nn.Module] = [linear]
            if device == "cpu" and onednn.works():
                forms.append(onednn.PackedLinear(linear, dtype))
            seconds = [best(functools.partial(form, x), repeats=PRODUCT_REPEATS, device=device) for form in forms]
            operations = 2 * tokens * inputs * outputs
            plain.append(operations / seconds[0])
            fastest.append(operations / min(seconds))
    return statistics.median(plain), statistics.median(fastest)


def best(run: Callable[[], Any], repeats: int, warm_up: bool = True, device: str = "cpu") -> float:
    """Time the fastest of several runs, in s.

    Args:
        run: what to time.
        repeats: number of runs that are timed.
        warm_up: whether one run comes before them.
        device: where it computes; on a GPU, the clock waits for the end of its work.
    """
    seconds = []
    for _ in range(warm_up + repeats):
        start = time.perf_counter()
        run()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[warm_up:])


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that decide the numbers."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in VERSIONS_OF}}
