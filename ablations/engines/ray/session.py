"""A session of Ray, on this machine alone or on a running cluster, and the environment of its workers."""

import contextlib
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ablations
from ablations.engines.ray.nodes import Share, share
from ablations.engines.ray.workers import RayWorkers
from ablations.system.ended import said_if_ended
from ablations.system.stopping import handlers_kept

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}
LOOPBACK = "127.0.0.1"
ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""For a session on this machine alone. Despite its name, the variable has every process listen on the loopback only."""
PASSED_ON = ("PASST_WEIGHTS", "PASST_OFFLINE", "ABLATE_STORE", "HEAR_TASKS", "XDG_CACHE_HOME", "ABLATE_MODULE_TIMEOUT")
"""Variables of the environment that workers inherit."""
NODES_WAIT_S = 60
ANSWER_S = 10.0  # in which a cluster's address has to take a connection, and then to answer
HTTP2_START = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""The preface of HTTP/2 and empty settings (RFC 9113, 3.4), which a server of gRPC answers with its own settings."""
STORE_BYTES = 100_000_000  # of Ray's object store: little goes through it

ENDED = "The run ended while Ray was starting; the same command goes on"

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def session(workers: RayWorkers, device: str) -> Iterator[tuple[Any, Share]]:
    """Begin a session of Ray, and end it afterwards unless it was running before.

    Yields:
        The module ray, and the share of each worker.

    Raises:
        ValueError: a cluster does not answer, or has no room for the workers.
    """
    os.environ.update(_settings(workers))
    import ray

    begun = not ray.is_initialized()
    if begun:
        with handlers_kept(), said_if_ended(ENDED):  # in Ray, a process of Ray that dies now ends this one
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
        local = {"include_dashboard": False, "_node_ip_address": LOOPBACK, "object_store_memory": STORE_BYTES}
        try:
            ray.init(address="local", num_cpus=cores, **local, **quiet)
        except Exception as error:  # Ray raises a bare one if this machine is too busy or a process of Ray dies
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
        hint = "" if os.environ.get("RAY_AUTH_MODE") else "; if it asks for a token, set $RAY_AUTH_TOKEN"
        raise ValueError(f"no Ray cluster answers at {workers.address}: {reason}{hint}") from None


def _check_answer(address: str) -> None:
    """Raise ValueError if no server of gRPC answers at host:port, because Ray itself waits for minutes."""
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
    """Ray's variables of the environment; those that the user has set stay.

    On this machine alone Ray's ports ask for a token, which is drawn for this session and kept in no file. A Ray that
    was imported before has read its mode then, and asks for the token by itself if it can.
    """
    settings = dict(ENVIRONMENT)
    if workers.address is None:
        settings |= ALONE
        if "RAY_AUTH_MODE" not in os.environ:
            settings["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
            if "ray" not in sys.modules:
                settings["RAY_AUTH_MODE"] = "token"
    return {name: os.environ.get(name, value) for name, value in settings.items()}


def _share_of(ray: Any, workers: RayWorkers, device: str) -> Share:
    """Divide the session's nodes among workers; wait for the nodes of a cluster, which may still be starting."""
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


def environment(threads: int) -> dict[str, str]:
    """A worker's variables of the environment: this package, the user's settings, and threads of every library.

    Args:
        threads: how many the worker may use.
    """
    root = str(Path(ablations.__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    return {"PYTHONPATH": path, **limits, **passed}
