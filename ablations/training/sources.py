"""The made-up corpus as training clips, with what a published model says of them as further labels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ablations.models import registry
from ablations.training.corpus import Corpus, Windowed
from downstream.embedder import Embedder
from downstream.progress import Track, silent
from passt.training.data.source import Source
from passt.training.declared.recipe import Recipe

EVALUATION_SEED = 1 << 62  # added to the recipe's: no clip of the one is a clip of the other
LOGITS = ("logits", None)


@dataclass(frozen=True)
class Tagged:
    """Clips with a tagger's class probabilities for each as further labels, in 0 to 1.

    Attributes:
        tagger: an embedder with a level `logits`; None labels all with 0, for an evaluation: mean average precision
            is then over the clips' own labels.
        classes: names of the tagger's outputs.
    """

    corpus: Corpus | Windowed
    tagger: Embedder | None
    classes: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        return (*self.corpus.labels, *self.classes)

    @property
    def sample_rate(self) -> int:
        return self.corpus.sample_rate

    @property
    def samples(self) -> int:
        return self.corpus.samples

    @property
    def fingerprint(self) -> str:
        """Of the clips, and of the tagger where there is one."""
        tagger = [] if self.tagger is None else [self.tagger.fingerprint]
        return "+".join([self.corpus.fingerprint, *tagger])

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        audio, own = self.corpus.batch(index, size)
        if self.tagger is None:
            said = own.new_zeros(len(own), len(self.classes))
        else:
            said = self.tagger.scene(list(audio), [LOGITS])[LOGITS].sigmoid().to(own)
        return audio, torch.cat([own, said], dim=1)


def corpus_clips(recipe: Recipe, device: str, track: Track = silent) -> tuple[Source, Source]:
    """The clips of a recipe of the corpus: for training, and others for evaluation.

    Raises:
        ValueError, FileNotFoundError: the tagger is no model with logits, its weights are absent.
    """
    training, evaluation = (Corpus(recipe.clips.seconds, recipe.seed + more, device) for more in (0, EVALUATION_SEED))
    if recipe.clips.windows:
        training = Windowed(training)
    if not recipe.clips.tagger:
        return training, evaluation
    spec = registry.resolve({"checkpoint": recipe.clips.tagger, "levels": ("logits",)})
    tagger = registry.build(spec, device=device, track=track)
    classes = tuple(f"{spec.checkpoint}: {number}" for number in range(tagger.dims["logits"]))
    return Tagged(training, tagger, classes), Tagged(evaluation, None, classes)
