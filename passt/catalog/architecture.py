"""The shape of a PaSST: what decides the names and shapes of its tensors, and the front end in front of them."""

from dataclasses import asdict, dataclass

SAMPLE_RATE = 32000  # Hz, of every PaSST
MEL_BANDS = 128
PATCH = 16  # mel bands and frames that a patch covers


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network's shape; width, heads and mlp_ratio of every published one are those that stand here.

    Attributes:
        hop: STFT hop in samples; with `tstride` it fixes the time resolution.
        fstride, tstride: patch stride in mel bands and in frames.
        n_frames: nominal frames of the longest clip, from which the time encoding has its length.
        n_classes: outputs of the head; 0 is no head, and so no level `logits`.
        depth: transformer blocks.
        width: numbers of a token; mlp_ratio: widths that a block's hidden layer has.

    Raises:
        ValueError: a number out of its range; names it.
    """

    n_classes: int = 0
    hop: int = 320
    fstride: int = 10
    tstride: int = 10
    n_frames: int = 998
    depth: int = 12
    width: int = 768
    heads: int = 12
    mlp_ratio: int = 4

    def __post_init__(self) -> None:
        for name in Architecture.__dataclass_fields__:
            value, least = getattr(self, name), 0 if name == "n_classes" else 1
            if type(value) is not int or value < least:
                raise ValueError(f"{name} must be a whole number, {least} or more, got {value!r}")
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of the {self.heads} heads, got {self.width}")
        if self.n_frames < max(PATCH, self.tstride):
            raise ValueError(f"n_frames must be {max(PATCH, self.tstride)} or more, got {self.n_frames}")

    @property
    def architecture(self) -> "Architecture":
        """The shape alone, of what may be more."""
        fields = Architecture.__dataclass_fields__
        return Architecture(**{name: value for name, value in asdict(self).items() if name in fields})

    @property
    def mlp_width(self) -> int:
        return self.width * self.mlp_ratio

    @property
    def grid(self) -> tuple[int, int]:
        """Lengths of the frequency and the time encoding, in patches."""
        return (MEL_BANDS - PATCH) // self.fstride + 1, self.n_frames // self.tstride

    @property
    def min_samples(self) -> int:
        """The shortest excerpt that holds one patch."""
        return (PATCH - 1) * self.hop + 1

    def columns(self, samples: int) -> int:
        """Patches along time in an excerpt of that many samples (pre-emphasis takes one of them)."""
        frames = (samples - 1) // self.hop + 1
        return (frames - PATCH) // self.tstride + 1

    def tokens(self, samples: int) -> int:
        """Tokens of an excerpt: its patches, cls and dist."""
        return self.grid[0] * self.columns(samples) + 2

    def __str__(self) -> str:
        frequency, time = self.grid
        return f"{self.depth} blocks of width {self.width}, {frequency} x {time} patches, hop {self.hop}"
