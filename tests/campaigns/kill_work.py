"""What the processes of killed runs append to the store, and what is appended again by the next ones.

A kill may cost what was appended since the store's last line of the journal, which is at most `SYNC_S` seconds before
the last batch; a run that was stopped by a signal may not cost anything. Workers of Ray are not recorded: they are
processes that a campaign does not start itself.
"""

import json
import os
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple

from downstream.store import extraction
from downstream.store.extraction import Extraction

LOG = "appended.jsonl"
SYNC_S = 0.05  # between lines of the journal in recorded runs
BATCH_S = 0.02  # that recorded processes wait before a batch, for extractions to be long enough to be killed in


class Appended(NamedTuple):
    """A batch that a process has appended.

    Attributes:
        process: its id.
        path: of the extraction.
        batch: its number.
        seconds: the time at which the store decided whether to flush it, by the clock that all processes share.
    """

    process: int
    path: str
    batch: int
    seconds: float


class Again(NamedTuple):
    """What was appended more than once.

    Attributes:
        batches: how many.
        seconds: from the first of them to the last batch of the process that had appended it, at most.
        after_stop: how many of them had been appended by processes that a signal stopped.
    """

    batches: int = 0
    seconds: float = 0.0
    after_stop: int = 0

    @property
    def fault(self) -> str:
        """What is wrong with it; "" if nothing is."""
        if self.after_stop:
            return f"{self.after_stop} batches were appended again after an orderly stop"
        if self.seconds >= SYNC_S:
            return f"{self.batches} batches were appended again, the first {self.seconds:.3f} s before the last"
        return ""


def record(folder: Path) -> None:
    """Let this process write down each batch that it appends, take longer for it, and flush more often."""
    append, decided = Extraction.append, [0.0]

    def clock() -> float:
        decided[0] = monotonic()
        return decided[0]

    def recorded(self: Extraction, *arguments: Any) -> None:
        sleep(BATCH_S)
        append(self, *arguments)
        number = len(self.batches) - len(self.remaining()) - 1
        line = json.dumps(Appended(os.getpid(), str(self.path), number, decided[0])) + "\n"
        with (folder / LOG).open("ab", buffering=0) as file:
            file.write(line.encode())

    extraction.SYNC_S, extraction.monotonic = SYNC_S, clock  # type: ignore[attr-defined]
    Extraction.append = recorded  # type: ignore[method-assign]


def appended(folder: Path) -> list[Appended]:
    """Return what recorded processes appended, in order."""
    log = folder / LOG
    lines = log.read_text().splitlines(keepends=True) if log.exists() else []
    return [Appended(*json.loads(line)) for line in lines if line.endswith("\n")]


def again(batches: Collection[Appended], stopped: Collection[int]) -> Again:
    """Return what was appended more than once.

    Args:
        batches: of one run, in order.
        stopped: ids of the processes that a signal stopped in an orderly way.
    """
    extractions: dict[str, dict[int, list[Appended]]] = defaultdict(dict)
    for batch in batches:
        extractions[batch.path].setdefault(batch.process, []).append(batch)
    found = Again()
    for processes in extractions.values():
        for place, first in enumerate(mine[0].batch for mine in processes.values()):
            for process, theirs in list(processes.items())[:place]:
                lost = [batch for batch in theirs if batch.batch >= first]
                seconds = theirs[-1].seconds - lost[0].seconds if lost else 0.0
                after_stop = len(lost) if process in stopped else 0
                found = Again(found.batches + len(lost), max(found.seconds, seconds), found.after_stop + after_stop)
    return found
