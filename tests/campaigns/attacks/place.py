"""The place of a case: a folder of its own, copies of good inputs, and commands in processes of their own."""

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ablations.cli import main as ablate
from results.rows.rows import RESULT_COLUMNS
from tests.campaigns.children import RIGHT, Ending, attempt
from tests.campaigns.good import Good

LIMIT_S, LIMIT_MB = 60.0, 1000.0
ADDRESSES = 8 << 30  # bytes of a command's address space, so that it ends before it fills the memory
NAME = "good"  # of the good study


class Place:
    """A folder for one case; `task`, `store` and `runs` are copies of good ones, made at first use."""

    def __init__(self, good: Good, folder: Path) -> None:
        self.good, self.folder = good, folder
        self.seconds, self.peak_mb = 0.0, 0.0
        folder.mkdir()

    @property
    def task(self) -> Path:
        return self._copied("tones-v1")

    @property
    def store(self) -> Path:
        return self._copied("store")

    @property
    def runs(self) -> Path:
        return self._copied("runs")

    @property
    def run_folder(self) -> Path:
        return self.runs / NAME

    @property
    def job(self) -> Path:
        """The JSON of the good run's only job."""
        (file,) = (self.run_folder / "jobs").glob("*.json")
        return file

    @property
    def sound(self) -> Path:
        return self.good.folder / "0.wav"

    def study(self, **changes: Any) -> Path:
        """Write a study of log-mel on the good task, with changes, and return its file."""
        fields = {"name": NAME, "models": [{"checkpoint": "logmel"}], "tasks": [str(self.good.folder / "tones-v1")]}
        return self.text("s.yaml", yaml.safe_dump(fields | {"protocol": "hear2021+grid1+linear"} | changes))

    def text(self, name: str, text: str) -> Path:
        """Write a text file and return it."""
        path = self.folder / name
        path.write_text(text)
        return path

    def ablate(self, *arguments: Any, **options: Any) -> Ending:
        """Run a command of `ablate`; see `attempt` for the options."""
        return self.attempt(lambda: ablate([str(argument) for argument in arguments]), **options)

    def run(self, study: Path, *options: Any, **limits: Any) -> Ending:
        """Run `ablate run` with this place's runs and store."""
        places = ("--runs", self.folder / "runs", "--store", self.folder / "store")
        return self.ablate("run", study, *places, *options, **limits)

    def attempt(
        self,
        call: Callable[[], object],
        *,
        limit_s: float = LIMIT_S,
        before: Callable[[], object] = lambda: None,
        bounded: bool = True,
        ends: tuple[str, ...] = RIGHT,
    ) -> Ending:
        """Call a function in a process of its own, with limits on time and memory.

        Args:
            call: the function.
            limit_s: seconds that it may take.
            before: called in that process first.
            bounded: whether its address space is limited, which Ray's can't be.
            ends: the kinds of endings that are right.
        """

        def limited() -> None:
            os.chdir(self.folder)
            if bounded:
                resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
            before()
            call()

        ending = attempt(limited, self.folder / "log", limit_s)
        self.seconds, self.peak_mb = self.seconds + ending.seconds, max(self.peak_mb, ending.peak_mb)
        assert ending.kind in ends, f"{ending.kind} (status {ending.status}): {ending.output[-300:]}"
        assert ending.peak_mb < LIMIT_MB, f"{ending.peak_mb:.0f} MB of memory"
        return ending

    def rows(self) -> pd.DataFrame:
        """Return the rows of the run, as text."""
        return pd.read_csv(self.run_folder / "rows.csv", dtype=str)[list(RESULT_COLUMNS)]

    def check(self) -> Ending:
        """Run `ablate store check --full`."""
        return self.ablate("store", "check", "--full", "--store", self.store)

    def expect_no_other_scores(self) -> Ending:
        """Run the good study from the store without its run; expect the same rows, or a one-line error."""
        rows = self.rows()
        shutil.rmtree(self.runs)
        ending = self.run(self.study())
        assert ending.status or self.rows().equals(rows), "other scores, exit 0"
        return ending

    def taps(self, split: str) -> Iterator[Path]:
        """Yield the files of the store's taps on a split."""
        return iter(sorted(self.store.glob(f"*/*/{split}/scene/*.npy")))

    def _copied(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            shutil.copytree(self.good.folder / name, path)
        return path


def refused(ending: Ending, *texts: str) -> None:
    """Expect a one-line error that contains these texts."""
    assert ending.kind == "one-line error", f"it was {ending.kind}, not refused"
    for text in texts:
        assert text in ending.output, f"{text!r} is not in: {ending.output[-300:]}"
