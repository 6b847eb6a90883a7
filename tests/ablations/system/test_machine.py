"""What is asked of the machine: memory that is kept for the next tensors."""

import os
import platform
import subprocess
import sys

import pytest

STEPS = """
import ctypes
import resource
import torch
from ablations.system.memory import M_TRIM_THRESHOLD, keep_freed

def step():
    return sum(torch.ones(1 << 20)[0] for tensors in [[torch.ones(1 << 20) for _ in range(8)]] for _ in tensors)

library = ctypes.CDLL(None)
library.prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: a fault is one page, not sometimes 512
library.mallopt(M_TRIM_THRESHOLD, 1)  # what glibc does by itself depends on where its heap lies
{call}
torch.set_num_threads(1)
step()
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
    assert page_faults("keep_freed()") < 10_000 < 90_000 < page_faults("")
    assert page_faults("keep_freed()", MALLOC_TRIM_THRESHOLD_="1") > 90_000  # as its user wants it
