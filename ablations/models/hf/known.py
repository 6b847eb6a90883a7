"""What is known of an encoder from its files alone: its card, and the facts beside it."""

import functools
from dataclasses import dataclass
from typing import Any

from ablations.models.hf import loading, repository
from ablations.models.hf.address import Address, parse
from ablations.models.hf.checkpoints import table
from ablations.models.hf.inputs import Inputs
from ablations.models.hf.repository import CONFIGURATION, PREPROCESSORS, Files
from ablations.models.hf.shape import LONGEST_S, Shape, shape_of
from passt.catalog.card import Card

FAMILY = "hf"
DEFAULT_WINDOW_MS = 640
"""Of encoders without an axis of time."""


@dataclass(frozen=True)
class Known:
    """An encoder before its tensors are read.

    Attributes:
        address: as specs have it.
        files: its folder.
        config: of the library.
        inputs: makes what it takes.
        shape: its levels and their times.
    """

    address: Address
    files: Files
    config: Any
    inputs: Inputs
    shape: Shape

    @property
    def card(self) -> Card:
        """What a spec may ask of it."""
        shape, rate = self.shape, self.inputs.sample_rate
        timed = shape.layouts["features"].timed
        levels = tuple(shape.dims)
        return Card(
            str(self.address),
            FAMILY,
            sample_rate=rate,
            levels=levels,
            token_levels=tuple(shape.token_dims),
            default_levels=("features",),
            default_windows_ms=() if timed else (DEFAULT_WINDOW_MS,),
            min_window_ms=-(-shape.min_samples * 1000 // rate),
            max_window_ms=shape.max_samples * 1000 // rate,
            weights=("published", "untrained"),
            whole_clips=any(layout.timed for layout in shape.layouts.values()),
        )

    @property
    def frame_ms(self) -> float | None:
        """The time from one frame to the next in ms; None if it has none."""
        block = self.shape.layouts["block0"]
        return block.hop * 1000 / self.inputs.sample_rate if block.timed else None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its numbers must know."""
        shape, rate = self.shape, self.inputs.sample_rate
        block, seconds = shape.layouts["block0"], shape.max_samples / rate
        notes = [f"features is {shape.pooled or 'the mean of last_hidden_state'}"]
        if block.kind == "frames":
            notes.append("block0 to the last are means over frames; .max is the largest of them")
        elif block.kind == "patches":
            notes.append(
                f"blocks are means over patches in {block.bands} bands; .cls is the mean of {block.special} tokens"
            )
        else:
            notes.append("blocks are means over all places, whose axes are no times: there are no frames to read")
        if shape.padded_to and block.timed:
            notes.append(f"every window is padded to {seconds:g} s, as the model was trained; its own frames are read")
        elif shape.padded_to:
            notes.append(f"every window is made {seconds:g} s long as the model was trained, and read as a whole")
        else:
            notes.append(
                f"windows are taken as they are; a clip beyond {LONGEST_S} s is read in excerpts of that length"
            )
        if row := table().get(self.address.place):
            notes.append(f"{row.source}; license {row.license}, from memory; {row.url}")
        return tuple(notes)


def known(checkpoint: str) -> Known:
    """Find what is known of an encoder; ValueError in one line if it can't be used."""
    address = parse(checkpoint)
    files = repository.described(address)
    stamps = tuple(
        (name, (files.folder / name).stat().st_mtime_ns)
        for name in (CONFIGURATION, *PREPROCESSORS)
        if (files.folder / name).is_file()
    )
    return _known(files, stamps)


@functools.lru_cache(maxsize=32)
def _known(files: Files, stamps: tuple[tuple[str, int], ...]) -> Known:
    extractor, config = loading.extractor(files), loading.configuration(files)
    network = loading.on_meta(config, files)
    inputs = Inputs(extractor, network.inputs)
    return Known(files.address, files, config, inputs, shape_of(files, config, network, inputs))
