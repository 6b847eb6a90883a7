"""A session of Ray: on this machine alone, over its loopback, or on a cluster that is there; and what workers get."""

import contextlib
import logging
import math
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ablations
from ablations.engines.ray.workers import RayWorkers, threads_each
from ablations.system.stopping import handlers_kept
from downstream.disk.memory import available

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
LOOPBACK = "127.0.0.1"
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Of a session on this machine alone: Ray's name for it has every process listen on the loopback only."""
PASSED_ON = ("PASST_WEIGHTS", "PASST_OFFLINE", "ABLATE_STORE", "HEAR_TASKS", "XDG_CACHE_HOME", "ABLATE_MODULE_TIMEOUT")
NODES_WAIT_S = 60
ANSWER_S = 10.0  # for a cluster's address to take a connection, and to say something
HTTP2_START = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""The preface of HTTP/2 and empty settings (RFC 9113, 3.4), which a server of gRPC answers with its own settings."""
STORE_BYTES = 100_000_000  # of Ray's object store: what crosses it is small
WORKER_BYTES = 500_000_000  # that a worker takes before it has loaded anything

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
    os.environ.update(_settings(workers))
    import ray

    begun = not ray.is_initialized()
    if begun:
        with handlers_kept():
            _begin(ray, workers)
    try:
        yield ray, _share_of(ray, workers, device)
    finally:
        if begun:
            ray.shutdown()


def _begin(ray: Any, workers: RayWorkers) -> None:
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if workers.address is None:
        cores = len(os.sched_getaffinity(0))
        here = {"include_dashboard": False, "_node_ip_address": LOOPBACK, "object_store_memory": STORE_BYTES}
        try:
            ray.init(address="local", num_cpus=cores, **here, **quiet)
        except Exception as error:  # a bare one, where this machine is too busy for it or its processes die
            reason = " ".join(str(error).split())
            raise ValueError(
                f"Ray did not start on this machine: {reason.rstrip('.')}; the same command goes on"
            ) from None
        if any(node["NodeManagerAddress"] != LOOPBACK for node in ray.nodes()):  # Ray was imported before
            logger.warning("Ray listens on all of this machine's addresses; a token guards its ports")
        return
    _check_answer(workers.address)
    try:
        ray.init(address=workers.address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        reason = " ".join(str(error).split())
        hint = "" if os.environ.get("RAY_AUTH_MODE") else "; one that wants a token has it from $RAY_AUTH_TOKEN"
        raise ValueError(f"no Ray cluster answers at {workers.address}: {reason}{hint}") from None


def _check_answer(address: str) -> None:
    """Raise ValueError where no server of gRPC, as Ray's is, answers at host:port, for Ray itself waits for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:
        return  # "auto" and the like
    try:
        with socket.create_connection((host.strip("[]"), int(port)), ANSWER_S) as connection:
            if "RAY_USE_TLS" not in os.environ:
                connection.sendall(HTTP2_START)
                if not connection.recv(1):
                    raise OSError("it closed the connection")
    except (OSError, OverflowError) as error:
        raise ValueError(f"no Ray cluster answers at {address}: {error}") from None
    except ValueError:
        raise ValueError(f"a Ray cluster's address must be auto or host:port, got {address!r}") from None


def _settings(workers: RayWorkers) -> dict[str, str]:
    """Variables of the environment for Ray; those that the user has set stay.

    On this machine alone its ports want a token, which is drawn for this session and kept in no file. A Ray that was
    imported before has its mode from then, and turns it on by itself where it can.
    """
    wanted = dict(ENVIRONMENT)
    if workers.address is None:
        wanted |= ALONE
        if "RAY_AUTH_MODE" not in os.environ:
            wanted["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
            if "ray" not in sys.modules:
                wanted["RAY_AUTH_MODE"] = "token"
    return {name: os.environ.get(name, value) for name, value in wanted.items()}


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

    More workers than this machine can bear are reduced, which is said; of a cluster that is an error.

    Raises:
        ValueError: where there is no room for so many workers.
    """
    cores, gpus = ([node.get(name, 0.0) for node in nodes] for name in ("CPU", "GPU"))
    asked = workers.count
    if workers.address is None and asked and asked > (most := most_here()):
        logger.warning("workers: %d are used, got %d: there is no room for more on this machine", most, asked)
        asked = most
    each = workers.gpus_each
    if each is None:
        each = 0.0
        if device.startswith("cuda") and workers.address is None and asked:
            each = 1 / math.ceil(asked / max(1, int(sum(gpus))))
    room = room_on(nodes, 1, each)
    count = asked or (room if each else sum(1 for n in cores if n >= 1))
    if not 1 <= count <= room:
        what = f"{sum(cores):g} cores and {sum(gpus):g} GPUs"
        raise ValueError(f"workers must be from 1 to {room}, for which there is room on {what}, got {count}")
    return Share(count, threads_each(cores, count), each)


def most_here() -> int:
    """How many workers this machine bears: one a core, and as many as fit its free memory; at least 1."""
    return max(1, min(len(os.sched_getaffinity(0)), available() // WORKER_BYTES))


def room_on(nodes: Iterable[Mapping[str, float]], threads: int, gpus: float) -> int:
    """How many workers of so many threads and GPUs fit on nodes, by their resources."""
    cores, devices = 0, 0
    for node in nodes:
        cores += int(node.get("CPU", 0.0) // threads)
        if gpus:
            here = node.get("GPU", 0.0)
            devices += int(here) * int(1 / gpus) if gpus <= 1 else int(here // gpus)
    return min(cores, devices) if gpus else cores


def alive(ray: Any) -> list[Mapping[str, float]]:
    """The resources of the nodes that are there.

    Raises:
        ValueError: none is, or Ray's own processes on this machine have died.
    """
    dead: list[str] = []
    with contextlib.suppress(AttributeError):  # Ray's own record of the processes that it started here, none of its API
        dead = [str(name) for name, _ in ray._private.worker._global_node.dead_processes()]
    nodes = [] if dead else [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not nodes:
        what = f"a process of Ray died ({', '.join(dead)})" if dead else "no node of the Ray cluster is there any more"
        raise ValueError(f"{what}; the same command goes on")
    return nodes


def environment(threads: int) -> dict[str, str]:
    """Of the workers: this package, its settings, and threads set before any library starts."""
    root = str(Path(ablations.__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return {"PYTHONPATH": path, **limits, **passed}
