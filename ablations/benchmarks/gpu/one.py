"""Run the steps of one part in this process, and write the part's file after each.

    python -m ablations.benchmarks.gpu.one REQUEST

REQUEST is the JSON of a `Request`. `runner` starts it, and ends it when its time is over.
"""

import contextlib
import importlib
import importlib.util
import inspect
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from ablations.benchmarks.gpu.files import DONE, RUNNING, PartFile, StepFile, code_hash
from ablations.benchmarks.gpu.parts import REHEARSAL, Part, Step, named
from ablations.benchmarks.record import Record
from ablations.system.errors import one_line
from ablations.system.machine import machine, versions

PEERS = {"peer": ("hear21passt", "torchaudio"), "kit": ("heareval", "pytorch_lightning")}
"""Option of a step -> the packages that its interpreter must have."""


@dataclass(frozen=True)
class Request:
    """What a part's process is asked to do.

    Attributes:
        part: its name.
        folder: of the files.
        command: for the file.
        device: cpu or cuda.
        seconds: after which no further step begins.
        rehearsal: whether sizes are those of a rehearsal.
        peer: an interpreter with hear21passt; "" is this one, if it has the package.
        kit: an interpreter with hear-eval-kit; likewise.
        code: the hash of the project's files; "" computes it.
    """

    part: str
    folder: str
    command: str
    device: str
    seconds: float
    rehearsal: bool = False
    peer: str = ""
    kit: str = ""
    code: str = ""

    def text(self) -> str:
        """Return the request as an argument of this module."""
        return json.dumps(asdict(self))


def run(part: Part, request: Request) -> PartFile:
    """Run the steps of a part as long as there is time, and return its file, which is written after each step."""
    start = time.monotonic()
    file = PartFile(part.name, request.command, RUNNING, limit_s=request.seconds, rehearsal=request.rehearsal)
    file.kind, file.code = torch.device(request.device).type, request.code or code_hash()
    file.device, file.threads, file.versions = machine(request.device), torch.get_num_threads(), _versions()
    folder = Path(request.folder)
    with _rehearsed() if request.rehearsal else contextlib.nullcontext():
        steps = [step for step in part.steps if not (request.rehearsal and step.rehearsal is None)]
        for step in steps:
            if time.monotonic() - start > request.seconds:
                file.reason = f"no time for: {', '.join(s.name for s in steps[len(file.steps) :])}"
                break
            file.steps.append(StepFile(step.name, 0.0, "it had not ended"))
            for result in _results(step, request):
                file.steps[-1] = result
                file.seconds = time.monotonic() - start
                file.write(folder)
    file.state, file.seconds = DONE, time.monotonic() - start
    file.write(folder)
    return file


def _results(step: Step, request: Request) -> Iterator[StepFile]:
    """Yield the result of a step, first an unfinished one."""
    start = time.monotonic()
    yield StepFile(step.name, 0.0, "it had not ended")
    try:
        module, _, name = step.function.partition(":")
        function = getattr(importlib.import_module(module), name)
        records = function(**_options(step, request, function))
        for record in [records] if isinstance(records, Record) else records:
            yield _step_file(step.name, record, time.monotonic() - start)
    except Exception as error:  # the steps behind it may still tell something
        failure = f"{type(error).__name__}: {one_line(error)}"
        yield StepFile(step.name, time.monotonic() - start, failure)
    finally:
        if torch.device(request.device).type == "cuda":
            with contextlib.suppress(RuntimeError):  # of a device that an error left unusable
                torch.cuda.empty_cache()


def _options(step: Step, request: Request, function: Any) -> Mapping[str, Any]:
    """Return the keyword arguments of a step: its own, the device, and the interpreters that it asks for."""
    options = {**step.options, **((step.rehearsal or {}) if request.rehearsal else {})}
    if "device" in inspect.signature(function).parameters:
        options["device"] = request.device
    for option, packages in PEERS.items():
        if option in options:
            here = sys.executable if all(map(importlib.util.find_spec, packages)) else None
            options[option] = getattr(request, option) or here
    return options


def _step_file(name: str, record: Record, seconds: float) -> StepFile:
    written = json.loads(json.dumps(record.to_json(""), default=str))
    rows = written.get("rows") or ([] if record.table is None else json.loads(record.table.to_json(orient="records")))
    facts = {key: written[key] for key in record.facts}
    columns = dict(record.columns) or dict.fromkeys(rows[0] if rows else (), "")
    return StepFile(name, seconds, "", written["what"], columns, rows, facts)


def _versions() -> dict[str, str]:
    cuda = {"cuda": torch.version.cuda} if torch.version.cuda else {}
    return {**versions(), **cuda}


@contextlib.contextmanager
def _rehearsed() -> Iterator[None]:
    """Set the constants of a rehearsal."""
    with contextlib.ExitStack() as stack:
        for place, value in REHEARSAL.items():
            module, _, name = place.partition(":")
            stack.enter_context(mock.patch.object(importlib.import_module(module), name, value))
        yield


def main() -> None:
    """Answer the request of the command line."""
    request = Request(**json.loads(sys.argv[1]))
    run(named(request.part), request)


if __name__ == "__main__":
    main()
