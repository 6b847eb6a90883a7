"""Processes that are started: none outlives who started it, none hangs, none prints without end."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ablations.system import child
from ablations.system.child import Child, Limit

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
PARENT = """
import sys, threading, time
from ablations.system.child import Child
started = []
thread = threading.Thread(target=lambda: started.append(Child([sys.executable, "-c", "import time; time.sleep(60)"])))
thread.start()
thread.join()
print(started[0].process.pid, flush=True)
time.sleep(60)
"""


def is_alive(process: int) -> bool:
    """Whether it runs; one that nobody has waited for is dead all the same."""
    stat = Path(f"/proc/{process}/stat")
    return stat.is_file() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def soon(what, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.01)
    return what()


@pytest.mark.skipif(sys.platform != "linux", reason="the system's promise is Linux's")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_dies_with_who_started_it_and_not_with_the_thread_that_did(how):
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    started = int(parent.stdout.readline())
    time.sleep(0.1)
    assert is_alive(started)  # the thread has ended
    parent.send_signal(how)
    parent.communicate()
    assert soon(lambda: not is_alive(started))


def test_what_a_child_started_ends_with_it():
    shell = Child(["sh", "-c", "sleep 60 & echo $!; wait"])
    grandchild = int(shell.line())
    shell.kill("was stopped")
    shell.end()
    assert soon(lambda: not is_alive(grandchild))


def test_a_read_that_takes_too_long_ends():
    silent = Child(SLEEPER)
    with pytest.raises(Limit, match="gave no answer in 0.1 s and was ended; advice"), silent.limited(0.1, "; advice"):
        silent.line()
    silent.end()


def test_all_children_can_be_ended_at_once():
    waiting = [Child(SLEEPER) for _ in range(2)]
    errors = []

    def wait(on):
        try:
            with on.limited(60):
                on.line()
        except Limit as error:
            errors.append(str(error))

    threads = [threading.Thread(target=wait, args=(each,)) for each in waiting]
    for thread in threads:
        thread.start()
    child.end_all()
    for thread in threads:
        thread.join(5)
    assert errors == ["was stopped"] * 2
    assert all(each.status() == -signal.SIGKILL for each in waiting)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["sh", "-c", "echo first; echo last >&2; exit 3"], "asked: it ended with status 3: last"),
        (["sh", "-c", "kill -9 $$"], "asked: it was ended by SIGKILL: it said nothing"),
        (["true"], "asked: it ended with status 0 and no answer"),
        (["echo", "text"], "asked: Expecting value"),
        (["/no/such/program"], "asked: it ended with status 126: it can't be run: No such file or directory"),
    ],
)
def test_an_answer_that_does_not_come_is_named(command, message):
    with pytest.raises(ValueError, match=message):
        child.ask(command, 10, "asked")


def test_an_answer_of_json():
    assert child.ask(["echo", '{"a": [1]}'], 10, "asked") == {"a": [1]}


def test_a_fork_starts_children_of_its_own():
    process = os.fork()
    if process == 0:
        os._exit(0 if child.ask(["echo", "1"], 10, "asked") == 1 else 1)
    assert os.waitpid(process, 0)[1] == 0
