"""From weight files to state dicts that fit a network.

Published files, demonstration files, files of the user, ImageNet's DeiT, untrained weights from a seed, and the notes
that a training wrote into its file. Every tensor is checked by name and shape before it leaves this room.
"""
