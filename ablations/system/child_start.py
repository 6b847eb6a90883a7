"""Become another program that ends when the process that started it ends (on Linux).

    python child_start.py PARENT COMMAND...

PARENT is the number of that process. `child.py` runs this file, which imports nothing of the project.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # of Linux's prctl.h
CANNOT_RUN = 126  # exit status, as in a shell


def main(parent: str, *command: str) -> None:
    """Ask to be killed with the parent, then execute the command."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):  # the parent ended in between
        return
    try:
        os.execv(command[0], command)
    except OSError as error:
        os.write(2, f"it can't be run: {error.strerror}\n".encode())
        os._exit(CANNOT_RUN)


if __name__ == "__main__":
    main(*sys.argv[1:])
