"""Fits that have ended, kept in files until their evaluation has: a run that was killed does not train them again."""

import contextlib
import dataclasses
import io
import logging
import pickle
import shutil
from pathlib import Path

import torch

from downstream.disk.sums import place_of, read_summed, write_summed
from downstream.events.targets import PostProcessing
from downstream.probes.fit import Fit, Fitting
from downstream.probes.probe import seed_of
from downstream.probes.selection import Validation

logger = logging.getLogger(__name__)

SUFFIX = ".fits"  # of a job's folder of fits
PLACE_PARTS = 3  # job, what was heard, fit
WORTH_S = 2.0  # what took less, of a pack its share, is made again
UNREADABLE = (RuntimeError, EOFError, ValueError, pickle.UnpicklingError, OSError, KeyError, TypeError)


class FinishedFits:
    """The fits of one evaluation, a file each.

    Args:
        folder: of this evaluation alone, on this embedding, task, protocol and seed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, fitting: Fitting) -> Fit | None:
        """The fit that was kept; None where there is none that can be read."""
        path = self._path(fitting)
        if not path.is_file():
            return None
        try:
            content = read_summed(path, place_of(path, PLACE_PARTS))
            found = torch.load(io.BytesIO(content), weights_only=True)
            validations, best = tuple(map(_validation, found["validations"])), _validation(found["best"])
            return Fit(fitting.config, validations, best, found["state"], found["seconds"])
        except UNREADABLE as error:
            reason = str(error) or type(error).__name__
            logger.warning("%s: trained again, its file can't be read: %s", path, reason.splitlines()[0])
            return None

    def write(self, fitting: Fitting, fit: Fit) -> None:
        """Keep a fit, where it was long enough to be worth it; what can't be written is said in the log."""
        if fit.seconds < WORTH_S:
            return
        seen = [dataclasses.asdict(validation) for validation in (*fit.validations, fit.best)]
        state = {name: value.cpu() for name, value in fit.state.items()}
        found = {"validations": seen[:-1], "best": seen[-1], "state": state, "seconds": fit.seconds}
        path, content = self._path(fitting), io.BytesIO()
        torch.save(found, content)
        try:
            write_summed(path, content.getbuffer(), place_of(path, PLACE_PARTS))
        except (OSError, RuntimeError) as error:  # a full disk, or another run that had its results and cleared up
            logger.warning("%s: a fit that has ended is not kept: %s", self.folder, str(error).splitlines()[0])

    def discard(self) -> None:
        """The evaluation has its results."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.parent.suffix == SUFFIX:  # which held the fits on sound as it is heard by these versions
            with contextlib.suppress(OSError):
                self.folder.parent.rmdir()

    def _path(self, fitting: Fitting) -> Path:
        return self.folder / f"{seed_of(fitting.seed, fitting.config):014x}.pt"


def _validation(found: dict) -> Validation:
    setting = found["postprocessing"]
    return Validation(**{**found, "postprocessing": setting and PostProcessing(**setting)})
