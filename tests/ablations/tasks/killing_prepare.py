"""Makes a task in child processes that kill themselves (SIGKILL) at the n-th call of a function.

Usage: killing_prepare.py LIST FOLDER MODULE:NAME=N ... ; prints the children's return codes. One after the other they
make FOLDER/<number>/tones-v1; this process imports what they need once.
"""

import importlib
import os
import signal
import sys
from pathlib import Path

from ablations.tasks.prepare.listing import read_listing
from ablations.tasks.prepare.options import Options
from ablations.tasks.prepare.task import examine, make_task


def kill_at(target: str, count: int) -> None:
    """Replace a function by one that kills at its n-th call."""
    module, name = target.split(":")
    owner, calls = importlib.import_module(module), iter(range(1, count))
    original = getattr(owner, name)

    def counting(*args, **kwargs):
        if next(calls, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **kwargs)

    setattr(owner, name, counting)


for number, text in enumerate(sys.argv[3:]):
    child = os.fork()
    if not child:
        kill_at(text.split("=")[0], int(text.split("=")[1]))
        target = Path(sys.argv[2]) / str(number) / "tones-v1"
        make_task(examine(read_listing(Path(sys.argv[1])), target.name, Options(folds=3)), target, workers=2)
        os._exit(0)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
