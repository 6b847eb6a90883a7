"""Fixtures of the tests of ablations: HEAR modules that are written where they are found, lists of clips."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.ablations.hear_fakes import OF_TENSORFLOW, TENSORFLOW
from tests.ablations.tasks.listed import LABELS, sound
from tests.conftest import write_clip


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


@pytest.fixture
def listed(tmp_path):
    """Writes clips and their list: 12 tones in pairs of one recording, where rows are not changed by `change`."""

    def write(change=lambda rows: rows, rates=(16000,), clips: int = 12) -> Path:
        rows = []
        for i in range(clips):
            rate = rates[i % len(rates)]
            write_clip(tmp_path / "clips" / f"{i}.wav", sound(i, rate), rate)
            rows.append({"file": f"clips/{i}.wav", "label": LABELS[i % 2], "recording": f"r{i // 2}"})
        path = tmp_path / "list.csv"
        pd.DataFrame(change(rows)).to_csv(path, index=False)
        return path

    return write
