"""The embedders that are loaded for the units at work: those of one group, and no others.

A group of models side by side has all its embedders in memory at once, because the keys of its jobs are made of all
their fingerprints. They compute one after the other, so that only their weights add up.
"""

from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Self

from ablations.models import registry
from ablations.study.study import Model
from ablations.units.parts import part_named
from ablations.units.unit import Settings, Single, group_of, name_of
from downstream.embedder import Embedder, optional
from downstream.progress import Track, silent


class Loaded:
    """Embedders that are loaded once for consecutive units that need them, a context that closes them at its end.

    Args:
        settings: the device and the precision.
        track: is told how much is fetched.
    """

    def __init__(self, settings: Settings, track: Track = silent) -> None:
        self.settings, self.track = settings, track
        self._embedders: dict[Single, Embedder] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.keep(())

    def of(self, models: Sequence[Model]) -> tuple[Embedder, ...]:
        """Load the embedders of a group, and let go of all others first.

        Args:
            models: of one group.

        Returns:
            The embedder of each part of the models.

        Raises:
            ValueError, FileNotFoundError: as `registry.build`; of models side by side, the message names the part.
        """
        group = group_of(models[0])
        self.keep(group)
        for place, single in enumerate(group):
            if single not in self._embedders:
                with part_named(name_of((single,)) if len(group) > 1 else ""):
                    parts = [model.parts[place] for model in models]
                    self._embedders[single] = build(parts, self.settings, self.track)
        return tuple(self._embedders[single] for single in group)

    def keep(self, singles: Collection[Single]) -> None:
        """Let go of all embedders but some."""
        for single in [single for single in self._embedders if single not in singles]:
            optional(self._embedders.pop(single)).close()


def build(models: Sequence[Model], settings: Settings, track: Track = silent) -> Embedder:
    """Load the embedder that models of one checkpoint, weights and interpreter share."""
    first = min(models, key=lambda model: "logits" in model.spec.levels)  # a weight file may lack that level
    return registry.build(
        first.spec,
        device=settings.device,
        weights=first.weights_file,
        python=first.python,
        precision=settings.precision,
        compiled=settings.compiled,
        track=track,
    )
