"""Run tests that need the pretended device in a process of their own.

torch can't be told to forget a device, so the other tests must not meet it. A test process starts one child when the
first such test is due, and has it run them one by one. The child's reports become the test process's own.
"""

import json
import os
import subprocess
import sys
import tempfile
from typing import IO, Any

import pytest

from tests.pretended_cuda import build

PIPES = "PRETENDED_CUDA_PIPES"
"""Names the child's pipes; set in its environment alone."""
IN_CHILD = False
"""Whether this process has the pretended device; the child's plugin sets it."""
CANT_SHOW = {
    "tests/passt/network/test_inference.py::test_torch_compile_on_cuda": "torch.compile makes code for a real GPU",
    "tests/ablations/benchmarks/test_complexity.py::test_on_cuda": "measures a GPU's speed and memory, at full size",
}
"""Tests marked `gpu` that need a real device, with the reason."""


def is_for_device(item: pytest.Item) -> bool:
    """Whether a test runs on the pretended device here: it asks for it, or for a GPU that this machine lacks."""
    if "pretended_cuda" in getattr(item, "fixturenames", ()):
        return True
    return bool(item.get_closest_marker("gpu")) and build.VERSION["cuda"] is None


def mark_skipped(items: list[pytest.Item]) -> None:
    """Skip the tests that can't run here, with the reason."""
    for item in filter(is_for_device, items):
        reason = build.reason_against()
        if not reason and "pretended_cuda" not in item.fixturenames:
            reason = CANT_SHOW.get(item.nodeid.partition("[")[0], "")
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def run(item: pytest.Item, following: pytest.Item | None) -> bool:
    """Run a test in the child if it is for the pretended device; return whether it is."""
    if IN_CHILD or not is_for_device(item) or item.get_closest_marker("skip"):
        return False
    session = item.session
    if not hasattr(session, "pretended_child"):
        session.pretended_child = Child(session)
    beside = following is not None and is_for_device(following) and not following.get_closest_marker("skip")
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in session.pretended_child.reports(item, following.nodeid if beside else None):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    session._setupstate.teardown_exact(following)  # what tests before this one left for its module, or its folder
    return True


def finish(session: pytest.Session) -> None:
    """End the child, if there is one."""
    if hasattr(session, "pretended_child"):
        session.pretended_child.end()


class Child:
    """A pytest process that has the device, and runs tests as it is told.

    Args:
        session: of the parent, whose tests for the device the child collects.
    """

    def __init__(self, session: pytest.Session) -> None:
        self.config = session.config
        items = [item for item in session.items if is_for_device(item)]
        self.files = sorted({item.nodeid.partition("::")[0] for item in items})
        self.process: subprocess.Popen[bytes] | None = None
        options = ["-p", "tests.pretended_cuda.plugin", "-p", "no:xdist", "-p", "no:cacheprovider"]
        self.command = [sys.executable, "-m", "pytest", *options, *self.files]
        self.failure = ""  # why it can't start, so that it is tried once

    def reports(self, item: pytest.Item, following: str | None) -> list[Any]:
        """Run a test; return its reports.

        Args:
            item: the test.
            following: the one that will be run next, so that fixtures that both use are kept.
        """
        if self.process is None and not self.failure:
            self._start()
        if self.failure:
            return [_failed(item, self.failure)]
        self.requests.write(json.dumps([item.nodeid, following]) + "\n")
        try:
            self.requests.flush()
            lines = []
            while (line := self.answers.readline()) and line != "\n":
                lines.append(json.loads(line))
        except BrokenPipeError:
            line = ""
        if line:
            self.ran = True
            hook = self.config.hook
            return [hook.pytest_report_from_serializable(config=self.config, data=data) for data in lines]
        self.end()
        self.errors.seek(0)
        text = "the process of the pretended device ended:\n" + self.errors.read()[-3000:].decode(errors="replace")
        self.failure = "" if self.ran else text
        return [_failed(item, text)]

    def end(self) -> None:
        """End the process and wait for it; a later test starts another one."""
        if self.process is not None:
            self.requests.close()
            self.answers.close()
            self.process.wait()
            self.process = None

    def _start(self) -> None:
        self.ran = False
        (for_child, requests), (answers, from_child) = os.pipe(), os.pipe()
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  (open as long as the process)
        self.process = subprocess.Popen(
            self.command,
            cwd=self.config.rootpath,
            env={**os.environ, PIPES: f"{for_child},{from_child}"},
            pass_fds=(for_child, from_child),
            stdin=subprocess.DEVNULL,
            stdout=self.errors,
            stderr=self.errors,
        )
        os.close(for_child)
        os.close(from_child)
        self.requests: IO[str] = os.fdopen(requests, "w")
        self.answers: IO[str] = os.fdopen(answers)


def _failed(item: pytest.Item, text: str) -> pytest.TestReport:
    return pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call")
