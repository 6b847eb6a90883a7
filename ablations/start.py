"""The entry point of `ablate`: signals end it in one line from the first moment on."""

import os
import signal
import sys
from types import FrameType

from ablations.system.again import stopped_line


def main() -> None:
    """Load the command line and run it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup` and a shell's `&` ask for this
            signal.signal(number, _end)
    from ablations.cli.group import main  # takes a while; signals are handled there from then on

    sys.exit(main())


def _end(number: int, frame: FrameType | None) -> None:
    """End the process at once: nothing has to be cleaned up yet."""
    os.write(2, stopped_line())
    os._exit(128 + number)
