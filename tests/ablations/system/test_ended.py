"""The line that is printed when a library ends the process."""

import subprocess
import sys

import pytest

BLOCK = "import os\nfrom ablations.system.ended import said_if_ended\nwith said_if_ended('it has ended'):\n    {}\n"


@pytest.mark.parametrize(
    ("inside", "printed"),
    [("os._exit(1)", "it has ended\n"), ("os.kill(os.getpid(), 9)", "it has ended\n"), ("pass", "")],
)
def test_a_line_where_the_process_ends_and_none_where_the_block_does(inside, printed):
    ended = subprocess.run([sys.executable, "-c", BLOCK.format(inside)], capture_output=True, text=True, timeout=60)
    assert ended.stderr == printed


def test_an_error_in_the_block_has_its_own_message():
    ended = subprocess.run(
        [sys.executable, "-c", BLOCK.format("raise ValueError('mine')")], capture_output=True, text=True, timeout=60
    )
    assert ended.stderr.endswith("ValueError: mine\n")
    assert "it has ended" not in ended.stderr
