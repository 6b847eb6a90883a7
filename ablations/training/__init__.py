"""What a user can train, and on what: `ablate train` as functions.

Packaged recipes, networks by name, lists of labeled files, the synthesized corpus, and the card of the weights. How a
training computes is in `passt/training`.
"""
