"""Runs `ablate` and kills it (SIGKILL) at the n-th call of a function; batches are small so that there are many.

Usage: killing.py MODULE:NAME N -- ARGUMENTS OF ABLATE. N = 0 kills never.
"""

import importlib
import os
import signal
import sys

from ablations.cli import main
from downstream import extract

extract.BATCH_CLIPS = 2
target, count = sys.argv[1], int(sys.argv[2])
module, _, name = target.partition(":")
owner = importlib.import_module(module)
*path, name = name.split(".")
for part in path:
    owner = getattr(owner, part)
original, calls = getattr(owner, name), 0


def counting(*args, **kwargs):
    global calls
    calls += 1
    if calls == count:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)


setattr(owner, name, counting)
sys.argv = ["ablate", *sys.argv[4:]]
main()
