"""What is asked of the machine: memory that is kept for the next tensors."""

import os
import platform
import subprocess
import sys

import pytest

STEPS = """
import resource
import torch
from ablations.machine import keep_freed

def step():
    return sum(torch.ones(1 << 20)[0] for tensors in [[torch.ones(1 << 20) for _ in range(8)]] for _ in tensors)

{call}
torch.set_num_threads(1)
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(call: str, **settings: str) -> int:
    """Of ten steps of nine tensors of 4 MB."""
    names = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    script = [sys.executable, "-c", STEPS.format(call=call)]
    return int(subprocess.run(script, env=names | settings, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_tensors_of_every_step_are_made_of_memory_that_was_kept():
    without = page_faults("")
    assert 10 * page_faults("keep_freed()") < without
    assert 2 * page_faults("keep_freed()", MALLOC_TRIM_THRESHOLD_="1") > without  # as its user wants it
