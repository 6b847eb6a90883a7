"""Limits on servers that answer, but too slowly to ever end."""

import http.client
import os
import queue
import threading
import time
from collections.abc import Callable

ANSWER_S = 60.0  # for the headers of an answer, whose bytes may come one by one
SLOW_S = 60.0  # over which a server has to keep the least rate
SLOWEST_VARIABLE, SLOWEST = "PASST_SLOWEST", 1000.0
"""The environment variable with the least rate of a server in bytes a second, and its default; 0 waits for any."""


class Pace:
    """How fast a file comes, over all requests for it."""

    def __init__(self) -> None:
        text = os.environ.get(SLOWEST_VARIABLE) or str(SLOWEST)
        try:
            self.slowest = float(text)
        except ValueError:
            raise OSError(f"${SLOWEST_VARIABLE} must be a number of bytes a second, got {text!r}") from None
        self._since, self._came = time.monotonic(), 0

    def check(self, came: int) -> None:
        """Count bytes that came; OSError where they were fewer than the least rate over `SLOW_S`."""
        self._came += came
        seconds = time.monotonic() - self._since
        if seconds < SLOW_S:
            return
        if self._came < self.slowest * seconds:
            advice = f"expected at least {self.slowest:g} a second (${SLOWEST_VARIABLE}); what came is kept"
            raise OSError(f"the server sent {self._came} bytes in {seconds:.0f} s, {advice}")
        self._since, self._came = time.monotonic(), 0


def in_time(ask: Callable[[], http.client.HTTPResponse]) -> http.client.HTTPResponse:
    """What `ask` returns or raises; TimeoutError where headers that come byte by byte take longer than `ANSWER_S`."""
    answers: queue.SimpleQueue[tuple[http.client.HTTPResponse | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put((ask(), None))
        except BaseException as error:
            answers.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        response, error = answers.get(timeout=ANSWER_S)
    except queue.Empty:
        raise TimeoutError(f"no answer in {ANSWER_S:g} s") from None
    if error or response is None:
        raise error or TimeoutError("no answer")
    return response
