"""The shape of a PaSST: what decides the names and shapes of its tensors, and its front end.

Source: Koutini et al. 2022 (PMLR 166), Table 2, and the package hear21passt 0.0.26.
"""

from dataclasses import asdict, dataclass

SAMPLE_RATE = 32000  # Hz, of every PaSST
MEL_BANDS = 128
PATCH = 16  # side of a patch, in mel bands and in frames


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The shape of a network.

    All published PaSST share the defaults of width, heads and mlp_ratio.

    >>> base = Architecture(n_classes=527)
    >>> base.grid, base.columns(320000), base.tokens(320000)
    ((12, 99), 99, 1190)

    Attributes:
        n_classes: outputs of the head. 0 is a network without a head, which has no level ``logits``.
        hop: STFT hop in samples at 32 kHz. Together with `tstride` it fixes the time resolution.
        fstride: patch stride along frequency, in mel bands.
        tstride: patch stride along time, in frames.
        n_frames: nominal number of frames of the longest clip. It fixes the length of the time encoding.
        depth: number of transformer blocks.
        width: size of a token's vector.
        heads: attention heads of a block.
        mlp_ratio: size of a block's hidden layer, as a multiple of the width.

    Raises:
        ValueError: a number is out of its range. The message names it.
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
        """The architecture alone, without what a subclass adds to it."""
        fields = Architecture.__dataclass_fields__
        return Architecture(**{name: value for name, value in asdict(self).items() if name in fields})

    @property
    def mlp_width(self) -> int:
        """Size of a block's hidden layer."""
        return self.width * self.mlp_ratio

    @property
    def grid(self) -> tuple[int, int]:
        """Lengths of the frequency encoding and of the time encoding, in patches."""
        return (MEL_BANDS - PATCH) // self.fstride + 1, self.n_frames // self.tstride

    @property
    def min_samples(self) -> int:
        """Samples of the shortest excerpt that holds one patch."""
        return (PATCH - 1) * self.hop + 1

    def columns(self, samples: int) -> int:
        """Count the patches along time in an excerpt of `samples` samples.

        Pre-emphasis takes one sample.
        """
        frames = (samples - 1) // self.hop + 1
        return (frames - PATCH) // self.tstride + 1

    def tokens(self, samples: int) -> int:
        """Count the tokens of an excerpt of `samples` samples: its patches, cls and dist."""
        return self.grid[0] * self.columns(samples) + 2

    def __str__(self) -> str:
        frequency, time = self.grid
        return f"{self.depth} blocks of width {self.width}, {frequency} x {time} patches, hop {self.hop}"
