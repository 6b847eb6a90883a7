"""The beginning of the command `ablate`: from the first moment, signals end it in one line."""

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Load the command line and run it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` and a shell's `&` ask for
            signal.signal(number, _end)
    from ablations.cli.main import main  # takes a while; it handles signals itself from then on

    sys.exit(main())


def _end(number: int, frame: FrameType | None) -> None:
    """End the process at once: there is nothing to be cleaned up."""
    os.write(2, b"Stopped; the same command goes on\n")
    os._exit(128 + number)
