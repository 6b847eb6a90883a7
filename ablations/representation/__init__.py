"""The geometry of a study's embeddings: which are alike, how many dimensions they use, how small they can be."""
