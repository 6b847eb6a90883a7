"""Log notices that are worth one line once a process."""

import logging
import threading

logger = logging.getLogger("downstream")


class Once:
    """Log a warning once: later warnings of the same key, by any thread, are dropped. The default key is the text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()

    def __call__(self, message: str, key: str = "") -> None:
        with self._lock:
            if (key or message) not in self._keys:
                self._keys.add(key or message)
                logger.warning("%s", message)

    def cache_clear(self) -> None:
        """Forget what was logged."""
        self._keys.clear()


warn_once = Once()
