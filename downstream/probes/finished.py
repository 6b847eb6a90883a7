"""Keep finished fits in files until their evaluation has ended.

A killed run does not train them again.
"""

import contextlib
import dataclasses
import io
import logging
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch

from downstream.disk.sums import place_of, read_summed, write_summed
from downstream.events.targets import PostProcessing
from downstream.pooling.pooling import Pooling
from downstream.probes.fit import Fit, Fitting
from downstream.probes.probe import seed_of
from downstream.probes.selection import Validation

logger = logging.getLogger(__name__)

SUFFIX = ".fits"  # of a job's folder of fits
PLACE_PARTS = 3  # job, sound, fit
WORTH_S = 2.0  # a fit that took less time (its share of the pack's) is not kept
UNREADABLE = (RuntimeError, EOFError, ValueError, pickle.UnpicklingError, OSError, KeyError, TypeError)


class FinishedFits:
    """The finished fits of one evaluation, one file each.

    Args:
        folder: of this evaluation alone: this embedding, task, protocol and seed.
        pooling: of its features; it is in the names of the files.
    """

    def __init__(self, folder: Path, pooling: Pooling | None = None) -> None:
        self.folder = folder
        self._suffix = f"-{pooling.name}-{pooling.parts}" if pooling else ""

    def read(self, fitting: Fitting) -> Fit | None:
        """Read a fit; None if it was not kept, or can't be read."""
        path = self._path(fitting)
        if not path.is_file():
            return None
        try:
            content = read_summed(path, place_of(path, PLACE_PARTS))
            record = torch.load(io.BytesIO(content), weights_only=True)
            validations, best = tuple(map(_validation, record["validations"])), _validation(record["best"])
            return Fit(fitting.config, validations, best, record["state"], record["seconds"], fitting.pooling)
        except UNREADABLE as error:
            reason = str(error) or type(error).__name__
            logger.warning("%s: trained again, its file can't be read: %s", path, reason.splitlines()[0])
            return None

    def write(self, fitting: Fitting, fit: Fit) -> None:
        """Keep a fit that took at least `WORTH_S`; if it can't be written, the log says so."""
        if fit.seconds < WORTH_S:
            return
        seen = [dataclasses.asdict(validation) for validation in (*fit.validations, fit.best)]
        state = {name: value.cpu() for name, value in fit.state.items()}
        record = {"validations": seen[:-1], "best": seen[-1], "state": state, "seconds": fit.seconds}
        path, content = self._path(fitting), io.BytesIO()
        torch.save(record, content)
        try:
            write_summed(path, content.getbuffer(), place_of(path, PLACE_PARTS))
        except (OSError, RuntimeError) as error:  # a full disk, or another run had its results and removed the folder
            logger.warning("%s: a fit that has ended is not kept: %s", self.folder, str(error).splitlines()[0])

    def discard(self) -> None:
        """Remove the fits: the evaluation has its results."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.suffix == SUFFIX:  # the job's, which has a folder for each version of its sound
            with contextlib.suppress(OSError):
                self.folder.parent.rmdir()

    def _path(self, fitting: Fitting) -> Path:
        return self.folder / f"{seed_of(fitting.seed, fitting.config):014x}{self._suffix}.pt"


def _validation(record: dict[str, Any]) -> Validation:
    """A validation as it was written; earlier versions wrote the scores of all metrics, too."""
    setting = record["postprocessing"]
    return Validation(record["epoch"], record["loss"], record["score"], setting and PostProcessing(**setting))
