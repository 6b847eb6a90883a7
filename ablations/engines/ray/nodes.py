"""The machines of a Ray session: which are alive, how many workers they have room for, and what each worker gets."""

import contextlib
import logging
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ablations.engines.ray.workers import RayWorkers, threads_each
from downstream.disk.memory import available

WORKER_BYTES = 500_000_000  # that a worker takes before it has loaded anything

Resources = Mapping[str, float]
"""What Ray says of a node: its number of cores (CPU) and of GPUs (GPU)."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Share:
    """How many workers there are, and what each gets.

    Attributes:
        count: the number of workers.
        threads: cores of each worker, which are torch's threads.
        gpus: GPUs of each worker; 0.5 is two workers a GPU.
    """

    count: int
    threads: int
    gpus: float


def share(workers: RayWorkers, device: str, nodes: Iterable[Resources]) -> Share:
    """Divide the nodes among workers.

    More workers than this machine bears are reduced, and the log says so; on a cluster they are an error.

    Args:
        workers: how many the user wants, and where.
        device: what they compute on.
        nodes: the resources of each node.

    Raises:
        ValueError: the nodes have no room for so many workers.
    """
    nodes = list(nodes)
    cores, gpus = ([node.get(name, 0.0) for node in nodes] for name in ("CPU", "GPU"))
    count = workers.count
    if workers.address is None and count and count > (most := most_here()):
        logger.warning("workers: %d are used, got %d: there is no room for more on this machine", most, count)
        count = most
    gpus_each = workers.gpus_each
    if gpus_each is None:
        gpus_each = 0.0
        if device.startswith("cuda") and workers.address is None and count:
            gpus_each = 1 / math.ceil(count / max(1, int(sum(gpus))))
    room = room_on(nodes, 1, gpus_each)
    count = count or (room if gpus_each else sum(1 for n in cores if n >= 1))
    if not 1 <= count <= room:
        resources = f"{sum(cores):g} cores and {sum(gpus):g} GPUs"
        raise ValueError(f"workers must be from 1 to {room}, for which there is room on {resources}, got {count}")
    return Share(count, threads_each(cores, count), gpus_each)


def most_here() -> int:
    """How many workers this machine bears: one a core, and as many as fit its free memory; at least 1."""
    return max(1, min(len(os.sched_getaffinity(0)), available() // WORKER_BYTES))


def room_on(nodes: Iterable[Resources], threads: int, gpus: float) -> int:
    """How many workers fit on nodes.

    Args:
        nodes: the resources of each node.
        threads: cores of each worker.
        gpus: GPUs of each worker.
    """
    by_cores, by_gpus = 0, 0
    for node in nodes:
        by_cores += int(node.get("CPU", 0.0) // threads)
        if gpus:
            node_gpus = node.get("GPU", 0.0)
            by_gpus += int(node_gpus) * int(1 / gpus) if gpus <= 1 else int(node_gpus // gpus)
    return min(by_cores, by_gpus) if gpus else by_cores


def alive(ray: Any) -> list[Resources]:
    """The resources of the nodes that are alive.

    Raises:
        ValueError: none is, or Ray's own processes on this machine have died.
    """
    dead: list[str] = []
    with contextlib.suppress(AttributeError):  # Ray's own record of the processes that it started, not in its API
        dead = [str(name) for name, _ in ray._private.worker._global_node.dead_processes()]
    nodes = [] if dead else [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not nodes:
        reason = (
            f"a process of Ray died ({', '.join(dead)})" if dead else "no node of the Ray cluster is alive any more"
        )
        raise ValueError(f"{reason}; the same command goes on")
    return nodes
