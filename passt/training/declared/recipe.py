"""Recipe: everything that decides a training's weights, but for where its clips are and the device.

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
    """Which weights are averaged: those after step `start` and every `every` steps from there; every 0: none are.

    Published: from epoch 50 on, every 5 epochs.
    """

    start: int = 0
    every: int = 0

    def takes(self, step: int) -> bool:
        """Whether the weights after so many steps are among them."""
        return self.every > 0 and step >= max(self.start, 1) and (step - self.start) % self.every == 0


@dataclass(frozen=True)
class Distillation:
    """A teacher's part of the loss, and what the logits are divided by in it; the published PaSST have 0.9 and 1."""

    weight: float = 0.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise ValueError(f"distillation weight must be 0 to 1, got {self.weight}")
        if not self.temperature > 0:
            raise ValueError(f"distillation temperature must be above 0, got {self.temperature}")


@dataclass(frozen=True)
class Clips:
    """What clips are taken, and how from a list of files; published: balanced epochs of 100000 clips of 10 s.

    Attributes:
        seconds: of a clip. balanced: whether rare labels are drawn more often. epoch: clips of one; 0 is all there are.
        source: `files`, or `corpus`: the made-up sounds of `ablations.training.corpus`, of the recipe's seed.
        windows: whether every second batch of the corpus is cut into windows of 160 to 640 ms.
        tagger: a model whose class probabilities for a clip are further labels of it (of the corpus only); "": none.
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
        return round(self.seconds * SAMPLE_RATE)


@dataclass(frozen=True)
class Recipe:
    """A training.

    Attributes:
        network: `passt`, of that architecture, or the name of another one that its caller knows.
        architecture: PaSST's; its n_classes may be left to the clips' labels.
        steps: of the optimizer. batch: clips of each.
        micro_batch: clips that go through the network at once, a divisor of `batch`; 0 is all. Each has a choice of
            patches and of mel bands, and mixes among its own clips.
        lr: of AdamW, times the schedule's factor.
        prior: the share of labels that are true, which the outputs say at the start (Lin et al. 2017, "Focal loss",
            section 3.3); 0.5 leaves their biases at 0.
        start: `untrained` (weights of `seed`), `imagenet` (DeiT's, heads of `seed`) or `file` (another training's).
        after: of a start with a file: the recipe whose weights that is, where no other is given; "": one must be.
        precision: fp32, tf32 or bf16 (automatic mixed precision).
        evaluate_every: steps; 0 is at the end only. evaluation_clips: 0 is all of a list.
        log_every: steps; the state that a killed training goes on from is saved at such a step.
        half: whether the final weights, and those that are evaluated, are rounded to float16, as the file is.
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
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be {least} or more, got {getattr(self, name)}")
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
        """Clips of a micro-batch."""
        return self.micro_batch or self.batch

    @property
    def parts(self) -> int:
        """Micro-batches of a step."""
        return self.batch // self.parts_of

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, found: Any) -> "Recipe":
        """The recipe of plain values.

        Raises:
            ValueError: an unknown or missing key, a value that does not fit; names the key.
        """
        return from_mapping(cls, found, "recipe")


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
