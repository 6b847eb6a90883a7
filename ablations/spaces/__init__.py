"""The geometry of a study's embedding spaces: which are alike, how many dimensions they use, how small they can be."""
