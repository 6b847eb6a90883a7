"""A made-up corpus to train on: labeled sounds by synthesis alone, each a function of a seed and its number."""

from ablations.training.corpus.corpus import Corpus, render, render_kind, statistics
from ablations.training.corpus.windows import Windowed

__all__ = ["Corpus", "Windowed", "render", "render_kind", "statistics"]
