"""A session of Ray: on this machine alone, over its loopback, or on a cluster that is there; and what workers get."""

import contextlib
import logging
import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ablations
from ablations.cluster.workers import RayWorkers, threads_each

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
PASSED_ON = ("PASST_WEIGHTS", "PASST_OFFLINE", "ABLATE_STORE", "HEAR_TASKS", "XDG_CACHE_HOME")
NODES_WAIT_S = 60
STORE_BYTES = 100_000_000  # of Ray's object store: what crosses it is small

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Share:
    """What each worker gets: cores, which are torch's threads, and GPUs."""

    count: int
    threads: int
    gpus: float


@contextlib.contextmanager
def session(workers: RayWorkers, device: str) -> Iterator[tuple[Any, Share]]:
    """Ray with a session, ended behind it where it was begun here, and the share of each worker.

    Raises:
        ValueError: for a cluster that does not answer, or that has no room for the workers.
    """
    os.environ.update({name: os.environ.get(name, value) for name, value in ENVIRONMENT.items()})
    import ray

    begun = not ray.is_initialized()
    if begun:
        _begin(ray, workers)
    try:
        yield ray, _share_of(ray, workers, device)
    finally:
        if begun:
            ray.shutdown()


def _begin(ray: Any, workers: RayWorkers) -> None:
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if workers.address is None:
        cores = max(workers.count or 1, len(os.sched_getaffinity(0)))
        here = {"include_dashboard": False, "_node_ip_address": "127.0.0.1", "object_store_memory": STORE_BYTES}
        ray.init(address="local", num_cpus=cores, **here, **quiet)
        return
    try:
        ray.init(address=workers.address, **quiet)
    except (ConnectionError, RuntimeError) as error:
        raise ValueError(f"no Ray cluster answers at {workers.address}: {' '.join(str(error).split())}") from None


def _share_of(ray: Any, workers: RayWorkers, device: str) -> Share:
    """`share` of the session's nodes; those of a cluster may still be coming."""
    for attempt in range(NODES_WAIT_S + 1):
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        try:
            return share(workers, device, nodes)
        except ValueError:
            if workers.address is None:
                break
        if attempt == 0:
            logger.info("waiting for the cluster's nodes, for %d s at most", NODES_WAIT_S)
        time.sleep(1)
    return share(workers, device, nodes)


def share(workers: RayWorkers, device: str, nodes: list[Mapping[str, float]]) -> Share:
    """Of the machines' cores and GPUs, by their resources as Ray tells them.

    Raises:
        ValueError: where there is no room for so many workers.
    """
    cores, gpus = ([node.get(name, 0.0) for node in nodes] for name in ("CPU", "GPU"))
    each = workers.gpus_each
    if each is None:
        each = 0.0
        if device.startswith("cuda") and workers.address is None and workers.count:
            each = 1 / math.ceil(workers.count / max(1, int(sum(gpus))))
    room = sum(map(int, cores))
    if each:
        room = min(room, sum(int(n) * int(1 / each) if each <= 1 else int(n // each) for n in gpus))
    count = workers.count or (room if each else sum(1 for n in cores if n >= 1))
    if not 1 <= count <= room:
        what = f"{sum(cores):g} cores and {sum(gpus):g} GPUs"
        raise ValueError(f"workers must be from 1 to {room}, for which there is room on {what}, got {count}")
    return Share(count, threads_each(cores, count), each)


def environment(threads: int) -> dict[str, str]:
    """Of the workers: this package, its settings, and threads set before any library starts."""
    root = str(Path(ablations.__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return {"PYTHONPATH": path, **limits, **passed}
