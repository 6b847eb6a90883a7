"""Models that PaSST is compared with: each file has the cards and the embedder of a family, or a part of it."""
