"""The plugin of the child process: it has the pretended device, and runs the tests that its parent names."""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.pretended_cuda import process
from tests.pretended_cuda.device import present

process.IN_CHILD = True
_requests, _answers = (int(number) for number in os.environ.pop(process.PIPES).split(","))
_device = present()


@pytest.fixture(autouse=True)
def _counted_anew() -> Iterator[None]:
    """Each test begins with no counts and all memory, and must leave pinned memory alone while it is copied."""
    _device.reset()
    yield
    _device.wait("end of the test")
    assert _device.overwritten == 0, "pinned memory was overwritten while a copy to the device could still read it"


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Run one test for each line of the parent: its name, and that of the following one."""
    items = {item.nodeid: item for item in session.items}
    with os.fdopen(_requests) as requests, os.fdopen(_answers, "w") as answers:

        class Sender:
            @staticmethod
            def pytest_runtest_logreport(report: pytest.TestReport) -> None:
                data: Any = session.config.hook.pytest_report_to_serializable(config=session.config, report=report)
                answers.write(json.dumps(data) + "\n")

        session.config.pluginmanager.register(Sender())
        for line in requests:
            name, following = json.loads(line)
            hook = session.config.hook
            hook.pytest_runtest_protocol(item=items[name], nextitem=items.get(following))
            answers.write("\n")
            answers.flush()
    return True
