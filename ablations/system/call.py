"""What made a run: the command, the version of the code, and the time."""

import functools
import importlib.metadata
from datetime import UTC, datetime
from pathlib import Path

from ablations.system import child
from ablations.system.again import command as command

CHECKOUT = Path(__file__).parents[2]
GIT_S = 20.0  # a large checkout on a slow disk


def now() -> str:
    """The time in UTC, as ISO 8601 has it, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def version() -> str:
    """The version of this package."""
    return importlib.metadata.version("embedding-ablations")


@functools.cache
def commit(checkout: Path = CHECKOUT) -> str:
    """The commit of the checkout that this code is from, with "+changes" where files differ from it.

    Empty where the code is from no checkout, or git can't tell.
    """
    if not (checkout / ".git").exists():
        return ""
    describe = ["describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=+changes"]
    try:
        return child.run(["git", "-C", str(checkout), *describe], GIT_S).decode().strip()
    except (ValueError, OSError):  # no git, or a checkout of another user
        return ""
