"""The library transformers, imported when an encoder is used and never before."""

import contextlib
import functools
import importlib.metadata
import os
import warnings
from collections.abc import Iterator
from typing import Any

INSTALL = "pip install 'embedding-ablations[hf]', or pip install 'transformers>=5'"
LEAST_MAJOR = 5
QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1"}


@functools.cache
def transformers() -> Any:
    """The module; ValueError in one line where it is missing or too old."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import transformers as module
    except ImportError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"models hf:... need the library transformers ({reason}): {INSTALL}") from None
    if int(module.__version__.split(".")[0]) < LEAST_MAJOR:
        raise ValueError(f"models hf:... need transformers {LEAST_MAJOR} or later, got {module.__version__}: {INSTALL}")
    return module


def version() -> str:
    """The version of the library that is installed."""
    return importlib.metadata.version("transformers")


@contextlib.contextmanager
def silent() -> Iterator[Any]:
    """Use the library without its messages; what matters of them is checked by who calls."""
    module = transformers()
    level = module.logging.get_verbosity()
    bars = module.logging.is_progress_bar_enabled()
    module.logging.set_verbosity(module.logging.CRITICAL)
    module.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield module
    finally:
        module.logging.set_verbosity(level)
        if bars:
            module.logging.enable_progress_bar()
