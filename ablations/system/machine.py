"""What this machine is and can do: its devices, their matrix products, its memory."""

import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ablations.system.memory import give_back
from passt.catalog.architecture import Architecture
from passt.embedder import TOKENS_AT_ONCE, TOKENS_ELSEWHERE
from passt.network import onednn
from passt.network.precision import PRECISIONS, arithmetic

VERSIONS_OF = ("embedding-ablations", "torch", "numpy", "scikit-learn", "scipy", "soxr")
STATUS = Path("/proc/self/status")


def choose_device(wanted: str | None = None) -> str:
    """`wanted`, or CUDA where there is one; ValueError for a device that is not here."""
    if wanted is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted != "cpu" and not (wanted.startswith("cuda") and torch.cuda.is_available()):
        here = "cpu or cuda" if torch.cuda.is_available() else "cpu: torch sees no CUDA device here"
        raise ValueError(f"device must be {here}, got {wanted!r}")
    return wanted


def machine(device: str) -> str:
    """The name of what computes."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


def product_rates(device: str, precision: str = "fp32") -> tuple[float, float]:
    """Operations per second of matrix products: the median over the four shapes of a transformer block.

    Returns:
        By torch's own linear layers, and by the fastest way there is: on a CPU that can be oneDNN with packed weights.
    """
    tokens = TOKENS_AT_ONCE.get(torch.device(device).type, TOKENS_ELSEWHERE)
    dtype = PRECISIONS[precision].dtype
    width, hidden = Architecture().width, Architecture().mlp_width
    plain, fastest = [], []
    with torch.no_grad(), arithmetic(PRECISIONS[precision].matmul):
        for inputs, outputs in ((width, 3 * width), (width, width), (width, hidden), (hidden, width)):
            linear = torch.nn.Linear(inputs, outputs, device=device, dtype=dtype)
            x = torch.randn(tokens, inputs, device=device, dtype=dtype)
            forms = [linear]
            if device == "cpu" and onednn.works():
                forms.append(onednn.PackedLinear(linear, dtype))
            seconds = [best(lambda form=form, x=x: form(x), repeats=20, device=device) for form in forms]
            operations = 2 * tokens * inputs * outputs
            plain.append(operations / seconds[0])
            fastest.append(operations / min(seconds))
    return statistics.median(plain), statistics.median(fastest)


def best(run: Callable[[], Any], repeats: int, warm_up: bool = True, device: str = "cpu") -> float:
    """Seconds of the fastest run."""
    seconds = []
    for _ in range(warm_up + repeats):
        start = time.perf_counter()
        run()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[warm_up:])


def in_use(device: torch.device) -> int:
    """Memory in bytes, without what was freed but kept for later."""
    give_back()
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else _status("VmRSS")


def reset_peak(device: torch.device) -> None:
    """Start to watch the memory's highest."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif STATUS.is_file():
        Path("/proc/self/clear_refs").write_text("5")


def peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _status("VmHWM")


def _status(name: str) -> int:
    lines = STATUS.read_text().splitlines() if STATUS.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)


def versions() -> dict[str, str]:
    """Versions of what decides the numbers."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in VERSIONS_OF}}
