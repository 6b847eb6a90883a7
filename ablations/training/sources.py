"""The synthesized corpus as training clips.

The class probabilities of a published model can be further labels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ablations.models import registry
from ablations.training.corpus import Corpus, Windowed
from ablations.training.corpus.corpus import OfCorpus
from downstream.embedder import Embedder
from downstream.progress import Track, silent
from passt.training.declared.recipe import Recipe

EVALUATION_SEED = 1 << 62  # added to the recipe's seed, so that training and evaluation share no clip
LOGITS = ("logits", None)


@dataclass(frozen=True)
class Tagged(OfCorpus):
    """Clips whose further labels are the class probabilities of a tagger, 0 to 1.

    Attributes:
        corpus: the clips.
        tagger: an embedder with a level `logits`. None labels all clips with 0, for evaluation: the mean average
            precision is then over the labels of the corpus alone.
        classes: names of the tagger's outputs.
    """

    corpus: Corpus | Windowed
    tagger: Embedder | None
    classes: tuple[str, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels: those of the corpus, then the tagger's classes."""
        return (*self.corpus.labels, *self.classes)

    @property
    def fingerprint(self) -> str:
        """Fingerprints of the clips and of the tagger, if there is one."""
        tagger = [] if self.tagger is None else [self.tagger.fingerprint]
        return "+".join([self.corpus.fingerprint, *tagger])

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """Give a batch; see `passt.training.data.source.Source`."""
        audio, labels = self.corpus.batch(index, size)
        if self.tagger is None:
            probabilities = labels.new_zeros(len(labels), len(self.classes))
        else:
            probabilities = self.tagger.scene(list(audio), [LOGITS])[LOGITS].sigmoid().to(labels)
        return audio, torch.cat([labels, probabilities], dim=1)


CorpusClips = Corpus | Windowed | Tagged


def corpus_clips(recipe: Recipe, device: str, track: Track = silent) -> tuple[CorpusClips, CorpusClips]:
    """Make the clips of a recipe of the corpus: those to train on, and others to evaluate on.

    Args:
        recipe: gives length, seed, windows and tagger.
        device: where the clips are synthesized and tagged.
        track: shows the download of the tagger's weights.

    Raises:
        ValueError: the tagger is not a model with logits.
        FileNotFoundError: the tagger's weights are absent.
    """
    training: Corpus | Windowed
    training, evaluation = (Corpus(recipe.clips.seconds, recipe.seed + more, device) for more in (0, EVALUATION_SEED))
    if recipe.clips.windows:
        training = Windowed(training)
    if not recipe.clips.tagger:
        return training, evaluation
    spec = registry.resolve({"checkpoint": recipe.clips.tagger, "levels": ("logits",)})
    tagger = registry.build(spec, device=device, track=track)
    classes = tuple(f"{spec.checkpoint}: {number}" for number in range(tagger.dims["logits"]))
    return Tagged(training, tagger, classes), Tagged(evaluation, None, classes)
