"""PaSST as an instrument: audio in, embeddings out, at any time resolution, embedding level and receptive field."""

from passt.catalog.spec import EmbeddingSpec
from passt.embedder import PasstEmbedder

__all__ = ["EmbeddingSpec", "PasstEmbedder"]
