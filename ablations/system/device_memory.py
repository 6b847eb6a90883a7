"""The memory that this process uses for tensors: on a GPU, or in main memory."""

from pathlib import Path

import torch

from ablations.system.memory import give_back

PROCESS = Path("/proc/self")


def in_use(device: torch.device) -> int:
    """The memory in use in bytes, without what was freed and kept for later."""
    give_back()
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else _status("VmRSS")


def reset_peak(device: torch.device) -> None:
    """Start to measure the peak anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif PROCESS.is_dir():
        (PROCESS / "clear_refs").write_text("5")


def peak(device: torch.device) -> int:
    """The highest use of memory in bytes since `reset_peak`."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _status("VmHWM")


def _status(name: str) -> int:
    """A field of the process's status in bytes; 0 on a system without /proc."""
    lines = (PROCESS / "status").read_text().splitlines() if PROCESS.is_dir() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)
