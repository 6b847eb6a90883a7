"""Attacks on Ray's engine: processes that die, open ports, too many workers, addresses without a cluster."""

import ipaddress
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ablations.engines.ray.nodes import most_here, share
from ablations.engines.ray.workers import RayWorkers
from ablations.system.memory import tree
from tests.campaigns.attacks.place import Place, refused
from tests.campaigns.processes import command_of

TOLD_WITHIN_S = 60
WORKER, RAYLET = "ray::UnitWorker", "/raylet/raylet"
LISTENS = "0A"  # in /proc/net/tcp


def descendants(process: int) -> dict[int, str]:
    """Return the processes that a process has started, directly or not: id -> command line."""
    return {child: command_of(child) for child in tree(process)[1:]}


def addresses(processes: set[int]) -> set[str]:
    """Return the addresses that sockets of processes listen on."""
    inodes = set()
    for process in processes:
        for link in Path(f"/proc/{process}/fd").glob("*"):
            try:
                inodes.add(str(link.readlink()))
            except OSError:
                continue
    listening = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENS and f"socket:[{fields[9]}]" in inodes:
                words = bytes.fromhex(fields[1].partition(":")[0])
                listening.add(b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4)))  # little-endian
    return {str(ipaddress.ip_address(address)) for address in listening}


def is_loopback(address: str) -> bool:
    """Tell whether an address is a loopback; gRPC maps 127.0.0.1 into IPv6."""
    parsed = ipaddress.ip_address(address)
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def watching(watch: Callable[[int], None]) -> Callable[[], None]:
    """Return a function that starts a thread which watches its own process."""
    return lambda: threading.Thread(target=watch, args=(os.getpid(),), daemon=True).start()


def study_of_two(place: Place) -> Path:
    return place.study(models=[{"checkpoint": "logmel"}, {"checkpoint": "crepe_tiny"}])


def raylet_killed(place: Place) -> None:
    """A run whose raylet dies ends in one line within a minute."""

    def kill(process: int) -> None:
        while True:
            commands = descendants(process)
            raylets = [number for number, command in commands.items() if RAYLET in command]
            if raylets and any(command.startswith(WORKER) for command in commands.values()):
                time.sleep(0.5)
                os.kill(raylets[0], signal.SIGKILL)
                place.text("killed", str(time.monotonic()))
                return
            time.sleep(0.1)

    options: dict[str, Any] = {"before": watching(kill), "bounded": False, "limit_s": 240}
    refused(place.run(study_of_two(place), "--workers", "2", **options))
    assert time.monotonic() - float((place.folder / "killed").read_text()) < TOLD_WITHIN_S


def ports_of_ray(place: Place) -> None:
    """On one machine Ray listens on its loopback alone."""
    file = place.folder / "addresses.json"

    def look(process: int) -> None:
        seen: set[str] = set()
        while True:
            seen |= addresses({process, *descendants(process)})
            file.write_text(json.dumps(sorted(seen)))
            time.sleep(0.2)

    options: dict[str, Any] = {"before": watching(look), "bounded": False, "limit_s": 240}
    assert place.run(study_of_two(place), "--workers", "2", **options).kind == "taken"
    seen = json.loads(file.read_text())
    assert seen, "no socket was seen"
    assert all(map(is_loopback, seen)), seen


def workers_without_room(place: Place) -> None:
    """If a thousand workers are requested, only as many start as the machine has room for."""
    ending = place.attempt(lambda: click.echo(share(RayWorkers(1000), "cpu", [{"CPU": 1000}]).count))
    assert int(ending.output.split()[-1]) <= most_here()


def address_without_a_cluster(place: Place) -> None:
    """An address without a cluster is an error within seconds."""
    refused(place.run(place.study(), "--ray", "127.0.0.1:1", limit_s=30, bounded=False), "no Ray cluster answers")


CASES = (raylet_killed, ports_of_ray, workers_without_room, address_without_a_cluster)
