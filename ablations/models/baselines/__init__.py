"""Models that PaSST is compared with, each satisfying the Embedder protocol and described by passt.catalog.card.Card."""
