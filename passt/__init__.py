"""PaSST as an instrument: audio in, embeddings out.

Embeddings can have any time resolution, embedding level and receptive field.

`EmbeddingSpec` names a variant and `PasstEmbedder` computes it; `passt.hear` offers the same as the HEAR common API.
"""

from passt.catalog.spec import EmbeddingSpec
from passt.embedder import PasstEmbedder

__all__ = ["EmbeddingSpec", "PasstEmbedder"]
