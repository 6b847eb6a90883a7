"""Find extractions that a kill left unfinished, and remove those that can't continue."""

import contextlib
import logging

from downstream.disk.files import sweep
from downstream.store.extraction import Extraction
from downstream.store.journal import PLAN, remove_extraction
from downstream.store.store import TapFolder

logger = logging.getLogger(__name__)


def unfinished(folder: TapFolder) -> list[Extraction]:
    """The extractions of a folder that can continue.

    All others are removed. The caller holds the folder's lock.
    """
    sweep(folder.path)
    extractions = []
    for path in sorted(folder.path.glob(".partial-*")):
        try:
            extraction = Extraction.reopen(folder, path)
            extraction.verify()
        except ValueError as error:
            if (path / PLAN).exists():  # else a kill in the middle of its removal left it
                logger.warning("%s; its extraction is begun anew", error)
            remove_extraction(path)
            continue
        if folder.missing(list(extraction.dims)):
            extractions.append(extraction)
        else:
            remove_extraction(path)
    return extractions


def tidy(folder: TapFolder) -> None:
    """Remove what a kill left of extractions whose taps are all here, unless another process is writing."""
    if any(folder.path.glob(".partial-*")):
        with contextlib.suppress(OSError), folder.locked(wait=False):
            unfinished(folder)
