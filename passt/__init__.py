"""PaSST as an instrument: audio in, embeddings out, at any time resolution, embedding level and receptive field."""

from passt.embedder import PasstEmbedder
from passt.spec import EmbeddingSpec

__all__ = ["EmbeddingSpec", "PasstEmbedder"]
