"""Models that PaSST is compared with. Each is an Embedder, described by a `passt.catalog.card.Card`."""
