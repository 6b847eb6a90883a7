"""The file of a part: its state, what it was measured on, and the records of its steps."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from downstream.disk.files import write_json

RUNNING, DONE, CUT, CRASHED = "running", "done", "cut", "crashed"
"""States of a part. A part that is cut or crashes keeps the steps that had ended."""
PACKAGES = ("passt", "downstream", "results", "ablations")
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class StepFile:
    """A step that has ended.

    Attributes:
        step: its name.
        seconds: that it took.
        failure: why it has no result, in one line; "" for success.
        what: was measured, in words.
        columns: column -> its meaning.
        rows: of the table.
        facts: further results.
    """

    step: str
    seconds: float
    failure: str = ""
    what: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class PartFile:
    """The file of a part; the attributes are its keys, in this order.

    Attributes:
        part: its name.
        command: that made it.
        state: see `DONE`.
        reason: why it was cut or crashed.
        seconds: that the process took, its start within.
        limit_s: seconds that it was given.
        device: the name of the device.
        kind: cpu or cuda.
        rehearsal: whether sizes were those of a rehearsal.
        code: a hash of the project's Python files.
        threads: of torch on the CPU.
        versions: of packages, CUDA and the driver.
        steps: that have ended.
    """

    part: str
    command: str
    state: str
    reason: str = ""
    seconds: float = 0.0
    limit_s: float = 0.0
    device: str = ""
    kind: str = ""
    rehearsal: bool = False
    code: str = ""
    threads: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    steps: list[StepFile] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write the file, whole."""
        write_json(folder / f"{self.part}.json", asdict(self))

    def step(self, name: str) -> StepFile | None:
        """Return a step that has a result."""
        return next((step for step in self.steps if step.step == name and not step.failure), None)


def read(folder: Path, part: str) -> PartFile | None:
    """Read the file of a part; None if there is none that can be read."""
    try:
        values = json.loads((folder / f"{part}.json").read_text(encoding="utf-8"))
        return PartFile(**values | {"steps": [StepFile(**step) for step in values["steps"]]})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def code_hash() -> str:
    """Return 12 hex digits of a hash of the project's Python files, so that files of other code can be told."""
    digest = hashlib.sha256()
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def is_fresh(found: PartFile | None, device: str, rehearsal: bool) -> bool:
    """Whether a part need not run again: it has ended, no step failed, and torch and the device are the same.

    Args:
        found: the part's file, if there is one.
        device: the name of the device.
        rehearsal: whether this is a rehearsal.
    """
    if found is None or found.state != DONE or any(step.failure for step in found.steps):
        return False
    same_torch = found.versions.get("torch") == importlib.metadata.version("torch")
    return same_torch and (found.device, found.rehearsal) == (device, rehearsal)
