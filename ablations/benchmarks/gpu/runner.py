"""Run the parts one after the other, each in a process of its own with a time limit, and keep the page up to date."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ablations.benchmarks.gpu import files, page
from ablations.benchmarks.gpu.files import CRASHED, CUT, DONE, PartFile
from ablations.benchmarks.gpu.one import Request
from ablations.benchmarks.gpu.parts import PARTS, Part
from ablations.system import child
from ablations.system.errors import one_line
from ablations.system.machine import machine

MODULE = "ablations.benchmarks.gpu.one"
LAST_S = 2.0  # before its limit, a part begins no further step
REHEARSED_S = 300  # limit of a part in a rehearsal: a busy processor may need longer than a GPU


@dataclass(frozen=True)
class Plan:
    """What is run, and how.

    Attributes:
        folder: of the parts' files; the page lies beside it.
        device: cpu or cuda.
        seconds: for all parts; None is the sum of theirs.
        rehearsal: whether sizes are those of a rehearsal.
        again: whether parts that have ended run again.
        parts: in their order.
        peer: an interpreter with hear21passt, "" for this one.
        kit: an interpreter with hear-eval-kit, "" for this one.
        command: for the files.
    """

    folder: Path
    device: str
    seconds: float | None = None
    rehearsal: bool = False
    again: bool = False
    parts: Sequence[Part] = PARTS
    peer: str = ""
    kit: str = ""
    command: str = "ablate benchmark gpu"


Start = Callable[[Request, float], None]
"""Runs a part's process within so many seconds; ValueError if it fails, `child.Limit` if it takes too long."""


def in_a_process(request: Request, seconds: float) -> None:
    """Run a part in a process that has this one's interpreter, from the checkout's folder."""
    child.run([sys.executable, "-m", MODULE, request.text()], seconds, cwd=files.ROOT)


def run(plan: Plan, start: Start = in_a_process) -> Iterator[tuple[Part, PartFile]]:
    """Run what is missing, and yield each part with its file as soon as it has ended.

    A part may take its own seconds, and what the parts before it have left. The page is written after each.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    device = machine(plan.device)
    waiting = [p for p in plan.parts if plan.again or not files.is_fresh(_read(plan, p), device, plan.rehearsal)]
    code = files.code_hash()
    begin = time.monotonic()
    own = {part.name: REHEARSED_S if plan.rehearsal else part.seconds for part in waiting}
    end = begin + (sum(own.values()) if plan.seconds is None else plan.seconds)
    limit = begin
    page.write(plan.folder)
    for part in waiting:
        limit += own[part.name]
        seconds = min(limit, end) - time.monotonic()
        request = Request(
            part.name,
            str(plan.folder.resolve()),
            plan.command,
            plan.device,
            max(0.0, seconds - LAST_S),
            plan.rehearsal,
            plan.peer,
            plan.kit,
            code,
        )
        (plan.folder / f"{part.name}.json").unlink(missing_ok=True)
        file = _ended(plan, part, request, seconds, start)
        page.write(plan.folder)
        yield part, file


def _ended(plan: Plan, part: Part, request: Request, seconds: float, start: Start) -> PartFile:
    """Run a part, and say in its file how it ended."""
    begin, state, reason = time.monotonic(), DONE, ""
    if seconds <= LAST_S:
        state, reason = CUT, "no time was left"
    else:
        try:
            start(request, seconds)
        except child.Limit as error:
            state, reason = CUT, one_line(error)
        except ValueError as error:
            state, reason = CRASHED, one_line(error)
    file = _read(plan, part) or PartFile(part.name, plan.command, state, rehearsal=plan.rehearsal, code=request.code)
    file.kind = torch.device(plan.device).type
    file.state, file.reason = state, reason or file.reason
    file.limit_s, file.seconds = round(max(0.0, seconds), 1), round(time.monotonic() - begin, 2)
    file.write(plan.folder)
    return file


def _read(plan: Plan, part: Part) -> PartFile | None:
    return files.read(plan.folder, part.name)
