"""Card: what one checkpoint requires and allows, so that a spec can be completed and checked against it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from passt.catalog.spec import OWN_HOP, WEIGHT_KINDS, EmbeddingSpec, field_names


@dataclass(frozen=True)
class Card:
    """A row of the table of models, whichever family it is of.

    Attributes:
        name: canonical name; `aliases` are replaced by it.
        sample_rate: what the model listens to, in Hz; 0 where only the loaded model says it.
        levels: every level it offers; `default_levels` and `default_windows_ms` are taken where a spec is silent.
        min_window_ms, max_window_ms: bounds of a window; a maximum of None is no bound, a minimum of None means
            that the model takes no windows (its receptive field is its own).
        default_timestamp_hop_ms: 0 for a model whose timestamps are its own, and then no other will do.
        default_weights: taken where a spec is silent.
        weights: the kinds it can have, each the first word of a spec's weights (`passt.catalog.spec.WEIGHT_KINDS`).
        precisions: whether it computes in the precision that is asked for; in fp32 alone where not.
    """

    name: str
    family: str
    sample_rate: int
    levels: tuple[str, ...]
    default_levels: tuple[str, ...]
    default_windows_ms: tuple[int, ...] = ()
    min_window_ms: int | None = None
    max_window_ms: int | None = None
    default_timestamp_hop_ms: int = 50
    default_weights: str = "published"
    weights: tuple[str, ...] = ("published", "untrained", "sha256")
    precisions: bool = False
    aliases: tuple[str, ...] = ()

    def spec(self, **fields: Any) -> EmbeddingSpec:
        """A complete, checked and canonical spec from the fields that were named.

        Raises:
            ValueError: for an unknown field, or a value this checkpoint does not allow; names the choices.
        """
        unknown = sorted(set(fields) - set(field_names()))
        if unknown:
            raise ValueError(f"{self.name}: unknown key {unknown[0]!r}, expected one of {', '.join(field_names())}")
        defaults = {
            "levels": self.default_levels,
            "windows_ms": self.default_windows_ms,
            "timestamp_hop_ms": self.default_timestamp_hop_ms,
            "weights": self.default_weights,
        }
        try:
            return self.resolve(EmbeddingSpec(**{**defaults, **fields, "checkpoint": self.name}))
        except ValueError as error:
            raise ValueError(str(error) if str(error).startswith(self.name) else f"{self.name}: {error}") from None

    def resolve(self, spec: EmbeddingSpec) -> EmbeddingSpec:
        """`spec` in canonical form (alias replaced, a scene window equal to the maximum left out), checked.

        Raises:
            ValueError: for a level, window or weights that this checkpoint does not have; names the choices.
        """
        for level in spec.levels:
            if level not in self.levels:
                raise ValueError(f"{self.name}: unknown level {level!r}{choices(level, self.levels)}")
        for window in spec.windows_ms:
            self._check_window("windows_ms", window)
        if spec.scene_window_ms is not None:
            self._check_window("scene_window_ms", spec.scene_window_ms)
        if not spec.windows_ms and self.min_window_ms is not None and spec.levels != ("mel",):
            raise ValueError(f"{self.name}: windows_ms must name at least one window, got ()")
        if spec.weights.split("-")[0] not in self.weights:
            wanted = " or ".join(WEIGHT_KINDS[kind] for kind in self.weights)
            raise ValueError(f"{self.name}: weights must be {wanted}, got {spec.weights!r}")
        if (spec.timestamp_hop_ms == OWN_HOP) != (self.default_timestamp_hop_ms == OWN_HOP):
            wanted = "town, its own" if spec.timestamp_hop_ms else "a positive number of milliseconds"
            raise ValueError(f"{self.name}: timestamp_hop_ms must be {wanted}, got {spec.timestamp_hop_ms or 'town'}")
        scene = None if spec.scene_window_ms == self.max_window_ms else spec.scene_window_ms
        return replace(spec, checkpoint=self.name, scene_window_ms=scene)

    def _check_window(self, name: str, window_ms: int) -> None:
        if self.min_window_ms is None:
            raise ValueError(f"{self.name}: {name} must be empty, its receptive field is its own; got {window_ms} ms")
        low, high = self.min_window_ms, self.max_window_ms
        if window_ms < low or (high is not None and window_ms > high):
            allowed = f"at least {low} ms" if high is None else f"{low} to {high} ms"
            raise ValueError(f"{self.name}: {name} must be {allowed}, got {window_ms} ms")


def choices(got: str, known: Iterable[str], also: Iterable[str] = ()) -> str:
    """The tail of an error message about an unknown name: the nearest known one where there is one, and all of them.

    Args:
        also: names that are known, and too many to be listed.
    """
    known = list(known)
    near = difflib.get_close_matches(got, [*known, *also], n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"{hint}; expected one of {', '.join(known)}"
