"""A made-up corpus to train on: labeled sounds by synthesis alone, unlimited, each a function of a seed and its number."""

from passt.training.corpus.corpus import Corpus, render, statistics

__all__ = ["Corpus", "render", "statistics"]
