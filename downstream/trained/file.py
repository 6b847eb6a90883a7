"""The file that keeps the probes of a job, one a fold: safetensors, with what is no tensor as JSON in its header.

The header has one entry, so that equal probes make equal files. Its `sum` is of the file's name, of all other JSON and
of all tensors: a file that was changed, or belongs to another job, is refused. Nothing in a file is code.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from downstream.disk.fields import mapping, wrong
from downstream.disk.files import write_atomically
from downstream.disk.memory import check_memory
from downstream.disk.sums import CHANGED, SUM
from downstream.trained.description import described, probe_of, tensors_of
from downstream.trained.probe import TrainedProbe

ENTRY = "probes"  # of the header
COPIES = 3  # of a file in memory while it is read: its bytes, its tensors, the probe's


@dataclass(frozen=True)
class KeptProbes:
    """The probes of a job.

    Attributes:
        facts: what the file says of the job: parsed JSON, whose types its reader checks.
        probes: fold -> its chosen probe, in the order of the folds.
    """

    facts: Mapping[str, Any]
    probes: Mapping[str, TrainedProbe]


def write_probes(path: Path, kept: KeptProbes) -> None:
    """Write the probes of a job, atomically."""
    tensors: dict[str, Tensor] = {}
    folds = {}
    for fold, probe in kept.probes.items():
        tensors |= {f"{fold}/{name}": value for name, value in tensors_of(probe).items()}
        folds[fold] = described(probe)
    content = {"facts": dict(kept.facts), "folds": folds}
    entry = json.dumps({**content, SUM: _sum_of(path.name, content, tensors)})
    written = safetensors.torch.save(tensors, {ENTRY: entry})
    write_atomically(path, lambda file: file.write(written))


def read_probes(path: Path) -> KeptProbes:
    """Read and verify what `write_probes` wrote.

    Raises:
        FileNotFoundError: the file is absent.
        ValueError: names a file that was changed, or belongs to another job, and what of it is wrong.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no probes at {path}")
    check_memory(str(path), COPIES * path.stat().st_size)
    try:
        with safetensors.safe_open(path, "pt") as file:
            entry = json.loads((file.metadata() or {})[ENTRY])
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        seal = entry.pop(SUM)
        if seal != _sum_of(path.name, entry, tensors):
            raise ValueError
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{path}: {CHANGED}") from None
    folds = mapping(entry.get("folds"), f"{path}: folds")
    if not folds:
        raise wrong(folds, f"{path}: folds", "at least one")
    probes = {}
    for fold, description in folds.items():
        where, prefix = f"{path}: fold {fold}", f"{fold}/"
        own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        probes[fold] = probe_of(mapping(description, where), own, where)
    return KeptProbes(mapping(entry.get("facts"), f"{path}: facts"), probes)


def _sum_of(name: str, content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """The SHA-256 of a file's content at its place, in hex."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(f"{name}\n{text}\n".encode())
    for key in sorted(tensors):
        value = tensors[key]
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.contiguous().reshape(-1).numpy().data)
    return digest.hexdigest()
