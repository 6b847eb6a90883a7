"""Home folders in paths that a user names."""

from pathlib import Path


def expanded(path: str | Path) -> Path:
    """A path whose ~ or ~user is replaced by a home folder; ValueError for a user that this machine does not know."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{path}: there is no home folder of {Path(path).parts[0]}; name the folder") from None
