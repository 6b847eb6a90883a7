"""Limits on servers that answer too slowly for a download ever to finish."""

import http.client
import os
import queue
import threading
import time
from collections.abc import Callable

ANSWER_S = 60.0  # time for the headers of an answer, whose bytes may arrive one by one
SLOW_S = 60.0  # time over which the rate of a server is measured
SLOWEST_VARIABLE, SLOWEST = "PASST_SLOWEST", 1000.0
"""The environment variable with the least rate of a server in bytes a second, and its default. 0 accepts any rate."""


class Pace:
    """The rate at which a file arrives, over all requests for it."""

    def __init__(self) -> None:
        text = os.environ.get(SLOWEST_VARIABLE) or str(SLOWEST)
        try:
            self.slowest = float(text)
        except ValueError:
            raise OSError(f"${SLOWEST_VARIABLE} must be a number of bytes a second, got {text!r}") from None
        self._since, self._received = time.monotonic(), 0

    def check(self, received: int) -> None:
        """Count received bytes, and check the rate every `SLOW_S` seconds.

        Raises:
            OSError: the server was slower than the least rate.
        """
        self._received += received
        seconds = time.monotonic() - self._since
        if seconds < SLOW_S:
            return
        if self._received < self.slowest * seconds:
            advice = f"expected at least {self.slowest:g} a second (${SLOWEST_VARIABLE}); what came is kept"
            raise OSError(f"the server sent {self._received} bytes in {seconds:.0f} s, {advice}")
        self._since, self._received = time.monotonic(), 0


def in_time(ask: Callable[[], http.client.HTTPResponse]) -> http.client.HTTPResponse:
    """Send a request with a time limit for the answer.

    A socket's timeout does not limit headers that arrive byte by byte.

    Args:
        ask: sends the request, and returns the response or raises an error.

    Raises:
        TimeoutError: there was no answer after `ANSWER_S` seconds.
    """
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
