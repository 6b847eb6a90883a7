"""Libraries: code that its name and version identify, as opposed to the user's own, which its content does.

What is said of a module does not depend on whether it was imported yet.
"""

import importlib.util
import sys
import sysconfig
from functools import cache
from importlib import metadata
from pathlib import Path

OF_THE_PROJECT = ("passt", "downstream", "results", "ablations")
INSTALLED = ("site-packages", "dist-packages")
"""Folders of installed packages, whichever environment they are of."""


def is_library(module: str) -> bool:
    """Whether a module, by its name, is of a library, of Python itself or of this project."""
    top = module.split(".")[0]
    if top in OF_THE_PROJECT or top in sys.stdlib_module_names:
        return True
    if top == "__main__" or not (file := file_of(top)):
        return False
    standard = Path(sysconfig.get_path("stdlib"))
    return any(name in file.parts for name in INSTALLED) or standard in file.parents


def identity(module: str) -> str:
    """Name a library by its module and its version."""
    return f"{module} {_version(module.split('.')[0])}"


def file_of(module: str) -> Path | None:
    """The file of a module; None for one that has none or is not there."""
    if module in sys.modules:
        file = getattr(sys.modules[module], "__file__", None)
        return Path(file) if file else None
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.has_location else None


@cache
def _version(top: str) -> str:
    """Read the version of the distribution that has a package; empty where there is none, as for Python itself."""
    return " ".join(metadata.version(name) for name in sorted(set(_distributions().get(top, ()))))


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())
