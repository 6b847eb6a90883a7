"""Attacks on Ray's engine: processes that die, ports, workers without room, addresses where nobody is."""

import ipaddress
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import click

from ablations.engines.ray.nodes import most_here, share
from ablations.engines.ray.workers import RayWorkers
from tests.campaigns.attacks.place import Place, refused

TOLD_WITHIN_S = 60
WORKER, RAYLET = "ray::UnitWorker", "/raylet/raylet"
LISTENS = "0A"  # in /proc/net/tcp


def descendants(process: int) -> dict[int, str]:
    """The processes that a process has started, directly or not, by their command lines."""
    parents, lines = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            lines[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # ended in between
            continue
    found, waiting = {}, [process]
    while waiting:
        parent = waiting.pop()
        children = [child for child, its_parent in parents.items() if its_parent == parent]
        found |= {child: lines[child] for child in children if child in lines}
        waiting += children
    return found


def addresses(processes: set[int]) -> set[str]:
    """The addresses that sockets of some processes listen on."""
    inodes = set()
    for process in processes:
        for link in Path(f"/proc/{process}/fd").glob("*"):
            try:
                inodes.add(str(link.readlink()))
            except OSError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENS and f"socket:[{fields[9]}]" in inodes:
                words = bytes.fromhex(fields[1].partition(":")[0])
                found.add(b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4)))  # little-endian words
    return {str(ipaddress.ip_address(address)) for address in found}


def is_loopback(address: str) -> bool:
    """Whether an address is one; gRPC's sockets of 127.0.0.1 are such of IPv6 that it is mapped into."""
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def watching(watch: Callable[[int], None]) -> Callable[[], None]:
    """Starts a thread that watches the process it is in."""
    return lambda: threading.Thread(target=watch, args=(os.getpid(),), daemon=True).start()


def study_of_two(place: Place) -> Path:
    return place.study(models=[{"checkpoint": "logmel"}, {"checkpoint": "crepe_tiny"}])


def raylet_killed(place: Place) -> None:
    """A run whose raylet dies ends in one line within a minute."""

    def kill(process: int) -> None:
        while True:
            there = descendants(process)
            raylets = [number for number, line in there.items() if RAYLET in line]
            if raylets and any(line.startswith(WORKER) for line in there.values()):
                time.sleep(0.5)
                os.kill(raylets[0], signal.SIGKILL)
                place.text("killed", str(time.monotonic()))
                return
            time.sleep(0.1)

    options = {"before": watching(kill), "bounded": False, "limit_s": 240}
    refused(place.run(study_of_two(place), "--workers", "2", **options))
    assert time.monotonic() - float((place.folder / "killed").read_text()) < TOLD_WITHIN_S


def ports_of_ray(place: Place) -> None:
    """On one machine Ray listens on its loopback alone."""
    file = place.folder / "addresses.json"

    def look(process: int) -> None:
        found: set[str] = set()
        while True:
            found |= addresses({process, *descendants(process)})
            file.write_text(json.dumps(sorted(found)))
            time.sleep(0.2)

    assert (
        place.run(study_of_two(place), "--workers", "2", before=watching(look), bounded=False, limit_s=240).kind
        == "taken"
    )
    found = json.loads(file.read_text())
    assert found, "no socket was seen"
    assert all(map(is_loopback, found)), found


def workers_without_room(place: Place) -> None:
    """Of a thousand workers only as many are used as the machine bears."""
    ending = place.attempt(lambda: click.echo(share(RayWorkers(1000), "cpu", [{"CPU": 1000}]).count))
    assert int(ending.output.split()[-1]) <= most_here()


def address_where_nobody_is(place: Place) -> None:
    """That no cluster answers is said within seconds."""
    refused(place.run(place.study(), "--ray", "127.0.0.1:1", limit_s=30, bounded=False), "no Ray cluster answers")


CASES = (raylet_killed, ports_of_ray, workers_without_room, address_where_nobody_is)
