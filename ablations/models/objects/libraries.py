"""Libraries: code that its name and version identify, as opposed to the user's own, which its content does."""

import sys
import sysconfig
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

OF_THE_PROJECT = ("passt", "downstream", "results", "ablations")
INSTALLED = ("site-packages", "dist-packages")
"""Folders of installed packages, whichever environment they are of."""


def is_library(module: str) -> bool:
    """Whether a module, by its name, is of a library, of Python itself or of this project."""
    top = module.split(".")[0]
    if top in OF_THE_PROJECT or top in sys.stdlib_module_names:
        return True
    loaded = sys.modules.get(module) or sys.modules.get(top)
    return loaded is not None and top != "__main__" and _is_installed(loaded)


def identity(module: str) -> str:
    """Name a library by its module and its version."""
    return f"{module} {_version(module.split('.')[0])}"


def _is_installed(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__spec__ is not None  # built in, or a namespace
    path = Path(file)
    standard = Path(sysconfig.get_path("stdlib"))
    return any(name in path.parts for name in INSTALLED) or standard in path.parents


@cache
def _version(top: str) -> str:
    """Read the version of a package; empty where it has none."""
    known = getattr(sys.modules.get(top), "__version__", None)
    if isinstance(known, str):
        return known
    try:
        return metadata.version(top)
    except (metadata.PackageNotFoundError, ValueError):
        return ""
