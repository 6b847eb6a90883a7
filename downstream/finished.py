"""Fits that have ended, kept in files until their evaluation has: a run that was killed does not train them again."""

import dataclasses
import logging
import pickle
import shutil
from pathlib import Path

import torch

from downstream.events import PostProcessing
from downstream.files import write_atomically
from downstream.fit import Fit, Fitting
from downstream.probe import seed_of
from downstream.selection import Validation

logger = logging.getLogger(__name__)

WORTH_S = 2.0  # what took less is made again


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
            found = torch.load(path, weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            logger.warning("%s: trained again, its file can't be read: %s", path, str(error).splitlines()[0])
            return None
        validations = tuple(map(_validation, found["validations"]))
        return Fit(fitting.config, validations, _validation(found["best"]), found["state"], found["seconds"])

    def write(self, fitting: Fitting, fit: Fit) -> None:
        """Keep a fit, where it was long enough to be worth it."""
        if fit.seconds < WORTH_S:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        seen = [dataclasses.asdict(validation) for validation in (*fit.validations, fit.best)]
        state = {name: value.cpu() for name, value in fit.state.items()}
        found = {"validations": seen[:-1], "best": seen[-1], "state": state, "seconds": fit.seconds}
        write_atomically(self._path(fitting), lambda file: torch.save(found, file))

    def discard(self) -> None:
        """The evaluation has its results."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, fitting: Fitting) -> Path:
        return self.folder / f"{seed_of(fitting.seed, fitting.config):014x}.pt"


def _validation(found: dict) -> Validation:
    setting = found["postprocessing"]
    return Validation(**{**found, "postprocessing": setting and PostProcessing(**setting)})
