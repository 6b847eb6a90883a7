"""Notices to the user that are worth one line, once a process."""

import functools
import logging

logger = logging.getLogger("downstream")


@functools.lru_cache(maxsize=4096)
def say_once(message: str) -> None:
    """Log a warning, unless the same one was logged before."""
    logger.warning("%s", message)
