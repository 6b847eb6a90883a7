"""Recipe: everything that decides the weights of a training.

Only the place of the clips and the device are not part of it.

The defaults of augmentations and weight decay are those of PaSST's training code (github.com/kkoutini/PaSST).
"""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from passt.catalog.architecture import SAMPLE_RATE, Architecture
from passt.network.patchout import Patchout
from passt.network.precision import PRECISIONS
from passt.training.data.augment import Augmentations
from passt.training.declared.schedule import Schedule
from passt.training.declared.values import from_mapping

STARTS = ("untrained", "imagenet", "file")
SOURCES = ("files", "corpus")
PASST = "passt"


@dataclass(frozen=True)
class Averaging:
    """The steps whose weights are averaged.

    PaSST was published with averages from epoch 50 on, every 5 epochs.

    Attributes:
        start: first step.
        every: steps between two of them. 0 averages no weights.
    """

    start: int = 0
    every: int = 0

    def takes(self, step: int) -> bool:
        """Check whether the weights after `step` steps are averaged."""
        return self.every > 0 and step >= max(self.start, 1) and (step - self.start) % self.every == 0


@dataclass(frozen=True)
class Distillation:
    """The teacher's part of the loss.

    The published PaSST were distilled with weight 0.9 and temperature 1.

    Attributes:
        weight: share of the teacher in the loss, 0 to 1.
        temperature: divisor of the logits in that part.

    Raises:
        ValueError: a value is out of its range.
    """

    weight: float = 0.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise ValueError(f"distillation weight must be 0 to 1, got {self.weight}")
        if not self.temperature > 0:
            raise ValueError(f"distillation temperature must be above 0, got {self.temperature}")


@dataclass(frozen=True)
class Clips:
    """The clips of a training. PaSST was published with balanced epochs of 100000 clips of 10 s.

    Attributes:
        seconds: length of a clip in s, 0.1 to 60.
        balanced: whether rare labels are drawn more often; for files only.
        epoch: clips of an epoch, for files only. 0 is all files.
        source: `files`, or `corpus` for the synthesized sounds of `ablations.training.corpus`, made from the recipe's
            seed.
        windows: whether every second batch is cut into windows of 160 to 640 ms; for the corpus only.
        tagger: model whose class probabilities become further labels of the clips; for the corpus only. "" is none.

    Raises:
        ValueError: a value is out of its range, or does not fit the source.
    """

    seconds: float = 10.0
    balanced: bool = False
    epoch: int = 0
    source: str = SOURCES[0]
    windows: bool = False
    tagger: str = ""

    def __post_init__(self) -> None:
        if self.source not in SOURCES:
            raise ValueError(f"clips source must be one of {', '.join(SOURCES)}, got {self.source!r}")
        if self.source == "corpus" and (self.balanced or self.epoch):
            raise ValueError("clips balanced and epoch are for files, the corpus has no end")
        if self.source == "files" and self.tagger:
            raise ValueError(f"clips tagger is for the corpus, got {self.tagger!r} and files")
        if self.source == "files" and self.windows:
            raise ValueError("clips windows are for the corpus, got true and files")
        if not 0.1 <= self.seconds <= 60:
            raise ValueError(f"clips seconds must be 0.1 to 60, got {self.seconds}")
        if self.epoch < 0:
            raise ValueError(f"clips epoch must be 0 or more, got {self.epoch}")

    @property
    def samples(self) -> int:
        """Length of a clip in samples at 32 kHz."""
        return round(self.seconds * SAMPLE_RATE)


@dataclass(frozen=True)
class Recipe:
    """A training as data.

    Attributes:
        name: name of the recipe.
        steps: steps of the optimizer.
        batch: clips of a step.
        lr: learning rate of AdamW, which the schedule multiplies by its factor.
        network: `passt`, or the name of another network that the caller knows.
        architecture: shape of a PaSST. Its n_classes may be 0 and is then the number of labels.
        micro_batch: clips that go through the network together; a divisor of `batch`, 0 is the whole batch. Each
            micro-batch draws its own patches and mel bands, and mixes clips among themselves.
        weight_decay: weight decay of AdamW.
        clips: the clips to train on.
        schedule: the learning rate over the steps.
        patchout: patches that a micro-batch drops.
        augmentations: random changes of the clips.
        distillation: the teacher's part of the loss.
        averaging: the steps whose weights are averaged.
        seed: seed of all randomness.
        prior: probability that the untrained network gives to every label (Lin et al. 2017, "Focal loss", section 3.3).
            0.5 leaves the biases of the outputs at 0.
        start: `untrained` (weights from `seed`), `imagenet` (DeiT's weights, heads from `seed`) or `file` (weights of
            another training).
        after: with start `file`: the recipe whose weights are taken if the user names no file. "" is none.
        precision: fp32, tf32 or bf16 (automatic mixed precision).
        evaluate_every: steps between evaluations. 0 evaluates at the end only.
        evaluation_clips: clips that are evaluated. 0 is all clips of a list.
        log_every: steps between rows of the log.
        half: whether the final weights are rounded to float16, in the evaluation and in the file.

    Raises:
        ValueError: a value is out of its range. The message names the key.
    """

    name: str
    steps: int
    batch: int
    lr: float
    network: str = PASST
    architecture: Architecture = field(default_factory=Architecture)
    micro_batch: int = 0
    weight_decay: float = 1e-4
    clips: Clips = field(default_factory=Clips)
    schedule: Schedule = field(default_factory=Schedule)
    patchout: Patchout = field(default_factory=Patchout)
    augmentations: Augmentations = field(default_factory=Augmentations)
    distillation: Distillation = field(default_factory=Distillation)
    averaging: Averaging = field(default_factory=Averaging)
    seed: int = 0
    prior: float = 0.5
    start: str = "untrained"
    after: str = ""
    precision: str = "fp32"
    evaluate_every: int = 0
    evaluation_clips: int = 0
    log_every: int = 50
    half: bool = False

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value < least:
                raise ValueError(f"{name} must be {least} or more, got {value}")
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise ValueError(f"lr must be above 0, got {self.lr}")
        if not 0 < self.prior < 1:
            raise ValueError(f"prior must be above 0 and below 1, got {self.prior}")
        if self.batch % self.parts_of:
            raise ValueError(f"micro_batch must be a divisor of the batch of {self.batch}, got {self.micro_batch}")
        if self.start not in STARTS:
            raise ValueError(f"start must be one of {', '.join(STARTS)}, got {self.start!r}")
        if self.after and self.start != "file":
            raise ValueError(f"after is for start: file, got {self.after!r} and start: {self.start}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {self.precision!r}")

    @property
    def parts_of(self) -> int:
        """Number of clips of a micro-batch."""
        return self.micro_batch or self.batch

    @property
    def parts(self) -> int:
        """Number of micro-batches of a step."""
        return self.batch // self.parts_of

    def to_dict(self) -> dict[str, Any]:
        """Convert the recipe to plain values, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: Any) -> "Recipe":
        """Make a recipe from plain values.

        Raises:
            ValueError: a key is unknown or missing, or a value does not fit. The message names the key.
        """
        return from_mapping(cls, content, "recipe")


_LEAST = {
    "steps": 1,
    "batch": 1,
    "micro_batch": 0,
    "weight_decay": 0,
    "seed": 0,
    "evaluate_every": 0,
    "evaluation_clips": 0,
    "log_every": 1,
}
"""Key of a recipe -> its least value."""
