"""Ctrl-C and SIGTERM: one line, the exit status that shells expect, one signal, no process left behind."""

import configparser
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ablations.system.again import STOPPED
from tests.ablations.system.test_child import is_alive, soon

COMMAND = """
import sys, threading, time, types
from concurrent.futures import ThreadPoolExecutor
import click
from ablations.cli import main
from ablations.cli.group import COMMANDS
from ablations.system import stopping
from ablations.system.child import Child

stopping.GRACE_S = 0.5

@click.command()
def wait():
    print("ready", flush=True)
    {body}

sys.modules["ablations.cli.wait"] = types.SimpleNamespace(wait=wait)
COMMANDS["Measure"]["wait"] = ("wait", "")
main.callback = lambda: None
main(["wait"])
"""
SLEEPS = "time.sleep(60)"
IN_A_THREAD = "ThreadPoolExecutor(1).submit(time.sleep, 60).result()"
IN_A_LIBRARY = """
    import signal
    with stopping.handlers_kept():  # Ray sets such a handler
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
        print("set", flush=True)
        time.sleep(60)
"""
SWALLOWED = """
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
"""
ON_A_CHILD = """
    child = Child(["sleep", "60"])
    print(child.process.pid, flush=True)
    pool = ThreadPoolExecutor(1)
    with pool:
        pool.submit(child.line).result()
"""

EARLY = """
import os, sys
from ablations.start import main

class Signals:  # the signal comes while this module is imported
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Signals())
sys.argv[1:] = {arguments}
main()
"""
"""What the console script does."""


def heard() -> None:
    """Hear Ctrl-C even where the tests run behind an &."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(body: str) -> subprocess.Popen:
    command = [sys.executable, "-c", COMMAND.format(body=body)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("body", [SLEEPS, IN_A_THREAD, SWALLOWED], ids=["sleeps", "in a thread", "swallowed"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_ends_a_command_in_one_line(body, number):
    process = started(body)
    time.sleep(0.05)
    process.send_signal(number)
    _, error = process.communicate(timeout=10)
    assert process.returncode == 128 + number
    assert error.splitlines() == [STOPPED]


def test_a_child_that_hangs_ends_too():
    process = started(ON_A_CHILD)
    child = int(process.stdout.readline())
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGINT
    assert error.splitlines() == [STOPPED]
    assert soon(lambda: not is_alive(child))


def test_a_library_that_exits_by_a_signal_does_not_hide_it():
    process = started(IN_A_LIBRARY)
    assert process.stdout.readline() == "set\n"
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM
    assert error.splitlines() == [STOPPED]


def test_a_signal_that_is_ignored_stays_so():
    process = started("time.sleep(0.5)")
    process.send_signal(signal.SIGCONT)
    assert process.wait(10) == 0
    command = [sys.executable, "-c", COMMAND.format(body="time.sleep(0.3)")]
    ignoring = subprocess.Popen(["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command], stdout=subprocess.PIPE)
    assert ignoring.stdout.readline() == b"ready\n"
    ignoring.send_signal(signal.SIGINT)
    assert ignoring.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        *(("ablations.cli.group", ["models"]), ("click", ["models"]), ("ablations.system.child", ["models"])),
        *(("ablations.cli.models", ["models"]), ("ablations.cli.store", ["store", "--help"])),
    ],
)
def test_a_signal_while_the_command_line_loads_ends_it_in_one_line(module, arguments, number):
    code = EARLY.format(module=module, number=int(number), arguments=arguments)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=heard, check=False)
    assert ended.returncode == 128 + number
    assert ended.stderr.splitlines() == [STOPPED]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", ["ablations.cli.group", "ablations.cli.models"])
def test_the_line_names_the_command_that_goes_on(module, number):
    code = EARLY.format(module=module, number=int(number), arguments=["models", "my model"])
    code = code.replace("main()\n", "sys.argv[0] = '/usr/bin/ablate'\nmain()\n")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, preexec_fn=heard, check=False)
    assert ended.returncode == 128 + number
    assert ended.stderr.splitlines() == [f"{STOPPED}: ablate models 'my model'"]


def test_the_console_script_handles_signals_before_it_loads_anything():
    settings = configparser.ConfigParser()
    settings.read(Path(__file__).parents[3] / "setup.cfg")
    assert settings["options.entry_points"]["console_scripts"].strip() == "ablate = ablations.start:main"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.2, 0.5, 1.0])
def test_a_signal_in_the_first_second(number, seconds):
    process = subprocess.Popen(
        [sys.executable, "-c", "print('ready', flush=True); from ablations.start import main; main()", "models"],
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "preexec_fn": heard},
    )
    process.stdout.readline()  # the interpreter itself is there: before, no line of ours was run
    time.sleep(seconds)
    process.send_signal(number)
    _, error = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert error.splitlines() == [STOPPED]
