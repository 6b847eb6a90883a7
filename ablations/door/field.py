"""Effective receptive fields of any model, from Python."""

from typing import Any

from ablations.door.declared import Declared
from ablations.models import registry
from ablations.models.objects.registered import registered
from ablations.receptive_field.measure import Field
from ablations.receptive_field.model import field_of


def field(model: Any, *, sample_rate: int | None = None, **options: Any) -> Field:
    """Measure how much the sound at each offset from a timestamp decides the embedding of that timestamp.

    Args:
        model: a name or a spec, a HEAR module, or a Python object.
        sample_rate: of a function that does not have one, in Hz.
        options: those of `ablations.receptive_field.model.field_of`: levels, windows_ms, task, where, weights, device,
            python, track, clips, stretch_ms, reach_ms, methods, replacement, seed.

    Raises:
        ValueError, FileNotFoundError: as `field_of`.

    >>> found = field("logmel", levels=["mean"], windows_ms=[160], task=None, clips=4, stretch_ms=20)
    >>> found.numbers["outside"].item()  # of a window, nothing lies outside
    0.0
    """
    declared = Declared.of([model], sample_rate)
    (entry,) = declared.entries
    if isinstance(entry, dict) and not declared.objects:
        raise ValueError("a field is of one model; expected a name, a spec or an object, got a mapping")
    with registered(declared.objects):
        return field_of(entry if isinstance(entry, str) else registry.resolve(entry), **options)
