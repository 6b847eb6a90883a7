"""Trainings in processes of their own: killed at a step, or several together."""

import multiprocessing
import os
import signal
import socket
from pathlib import Path
from typing import Any

import torch

from passt.training import train as module
from tests.passt.training.toy import Tones, recipe


def killed_at(step: int, folder: Path, **changes: Any) -> None:
    """A toy training that is killed (SIGKILL) in the middle of a step, its state saved after every row."""
    _run([multiprocessing.get_context("fork").Process(target=_dies, args=(step, folder, changes))], [-signal.SIGKILL])


def together(processes: int, folder: Path, **changes: Any) -> None:
    """A toy training by several processes, as torchrun starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    ranks = [context.Process(target=_rank, args=(i, processes, port, folder, changes)) for i in range(processes)]
    _run(ranks, [0] * processes)


def _run(processes: list[Any], wanted: list[int]) -> None:
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    codes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    assert codes == wanted


def _dies(step: int, folder: Path, changes: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    module.SAVE_SECONDS = 0.0
    original, calls = module.backward, 0

    def counting(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == 2 * step:  # a step has two micro-batches
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    module.backward = counting
    module.train(recipe(**changes), Tones(), Tones(), folder)


def _rank(rank: int, processes: int, port: int, folder: Path, changes: dict[str, Any]) -> None:
    torch.set_num_threads(1)
    names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in names.items()})
    module.train(recipe(**changes), Tones(), Tones(), folder, workers=0)
