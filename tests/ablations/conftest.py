"""Fixtures of the tests of ablations: HEAR modules that are written where they are found."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ablations.hear_fakes import OF_TENSORFLOW, TENSORFLOW


@pytest.fixture
def hear_module(tmp_path, monkeypatch) -> Iterator[Callable[[str, str], str]]:
    """Writes a module into the current folder, from where it is found."""
    monkeypatch.chdir(tmp_path)
    known = set(sys.modules)

    def write(source: str, name: str = "fake_hear") -> str:
        Path(f"{name}.py").write_text(source)
        return name

    yield write
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def of_tensorflow(hear_module) -> str:
    """The spec of a module whose model is a tensorflow one, with a stub of tensorflow."""
    hear_module(TENSORFLOW, "tensorflow")
    return "hear:" + hear_module(OF_TENSORFLOW)
