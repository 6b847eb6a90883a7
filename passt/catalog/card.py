"""Card: what one checkpoint requires and allows. A card completes a spec and checks it."""

from dataclasses import dataclass, replace
from typing import Any

from passt.catalog.choices import choices as choices
from passt.catalog.spec import EmbeddingSpec, field_names
from passt.catalog.spec_text import OWN_HOP, WEIGHT_KINDS
from passt.tokens import keeps_tokens


@dataclass(frozen=True)
class Card:
    """What a checkpoint of any model family requires and allows: a row of the table of models.

    Attributes:
        name: canonical name of the checkpoint.
        family: name of its model family, such as ``passt``.
        sample_rate: rate of the audio that the model takes, in Hz. 0 if only the loaded model knows it.
        levels: the embedding levels of the model that are one vector.
        default_levels: levels of a spec that names none.
        default_windows_ms: windows of a spec that names none, in ms.
        min_window_ms: shortest window in ms. None if the model takes no windows: its receptive field is fixed.
        max_window_ms: longest window in ms. None if there is no bound.
        default_timestamp_hop_ms: timestamp hop of a spec that names none, in ms. 0 if the model decides its timestamps
            itself; a spec can then name no other hop.
        default_weights: weights of a spec that names none.
        weights: kinds of weights that it can have, by the first word of a spec's weights
            (`passt.catalog.spec_text.WEIGHT_KINDS`).
        precisions: whether the model can compute in tf32 and bf16. If not, it always computes in fp32.
        aliases: other names, which are replaced by `name`.
        token_levels: levels that keep the tokens of a window (`passt.tokens`), for probes that pool them.
        whole_clips: whether a spec may name no windows although the model takes them: timestamps are then read from the
            frames of the whole clip.
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
    token_levels: tuple[str, ...] = ()
    whole_clips: bool = False

    def spec(self, **fields: Any) -> EmbeddingSpec:
        """Make a complete, checked, canonical spec from some of its fields (see `EmbeddingSpec`).

        Raises:
            ValueError: a field is unknown, or the checkpoint does not allow its value. The message names the choices.
        """
        unknown = sorted(set(fields) - set(field_names()))
        if unknown:
            raise ValueError(f"{self.name}: unknown key {unknown[0]!r}{choices(unknown[0], field_names())}")
        defaults = {
            "levels": self.default_levels,
            "windows_ms": self.default_windows_ms,
            "timestamp_hop_ms": self.default_timestamp_hop_ms,
            "weights": self.default_weights,
        }
        self._check_lookahead(fields.get("lookahead_ms"))  # first: without windows a spec refuses it for that reason
        try:
            return self.resolve(EmbeddingSpec(**{**defaults, **fields, "checkpoint": self.name}))
        except ValueError as error:
            raise ValueError(str(error) if str(error).startswith(self.name) else f"{self.name}: {error}") from None

    def resolve(self, spec: EmbeddingSpec) -> EmbeddingSpec:
        """Check a spec and return its canonical form.

        The canonical form has the checkpoint's name in place of an alias, and no scene window if that equals the
        maximum.

        Raises:
            ValueError: the checkpoint does not have that level, window or weights. The message names the choices.
        """
        spec.refuse_beside()
        for level in spec.levels:
            self.check_level(level)
        for window in spec.windows_ms:
            self._check_window("windows_ms", window)
        if spec.scene_window_ms is not None:
            self._check_window("scene_window_ms", spec.scene_window_ms)
        self._check_lookahead(spec.lookahead_ms)
        needs_windows = self.min_window_ms is not None and not self.whole_clips
        if not spec.windows_ms and needs_windows and spec.levels != ("mel",):
            raise ValueError(f"{self.name}: windows_ms must name at least one window, got ()")
        if spec.weights.split("-")[0] not in self.weights:
            expected = " or ".join(WEIGHT_KINDS[kind] for kind in self.weights)
            raise ValueError(f"{self.name}: weights must be {expected}, got {spec.weights!r}")
        if (spec.timestamp_hop_ms == OWN_HOP) != (self.default_timestamp_hop_ms == OWN_HOP):
            expected = "town, its own" if spec.timestamp_hop_ms else "a positive number of milliseconds"
            raise ValueError(f"{self.name}: timestamp_hop_ms must be {expected}, got {spec.timestamp_hop_ms or 'town'}")
        scene = None if spec.scene_window_ms == self.max_window_ms else spec.scene_window_ms
        return replace(spec, checkpoint=self.name, scene_window_ms=scene)

    def check_level(self, level: str) -> None:
        """Raise ValueError if the checkpoint does not have an embedding level."""
        if level not in (*self.levels, *self.token_levels):
            similar = (keeps_tokens(level) and self.token_levels) or self.levels
            known = choices(level, similar, listed_by=f"`ablate models {self.name}`")
            raise ValueError(f"{self.name}: unknown level {level!r}{known}{self._without_tokens(level)}")

    def _without_tokens(self, level: str) -> str:
        """The end of a message about a level of tokens, if the model has none."""
        known = "; PaSST, the CNNs and encoders of transformers keep tokens"
        return known if keeps_tokens(level) and not self.token_levels else ""

    def _check_lookahead(self, lookahead_ms: object) -> None:
        if lookahead_ms is not None and self.min_window_ms is None:
            expected = "lookahead_ms must be None, the model takes no windows"
            raise ValueError(f"{self.name}: {expected}; got {lookahead_ms!r:.60}")

    def _check_window(self, name: str, window_ms: int) -> None:
        if self.min_window_ms is None:
            raise ValueError(f"{self.name}: {name} must be empty, its receptive field is its own; got {window_ms} ms")
        low, high = self.min_window_ms, self.max_window_ms
        if window_ms < low or (high is not None and window_ms > high):
            allowed = f"at least {low} ms" if high is None else f"{low} to {high} ms"
            raise ValueError(f"{self.name}: {name} must be {allowed}, got {window_ms} ms")
