"""Training PaSST, and other networks from mel spectrograms to labels.

One file a concern: the loop, a step, the student, the start, the loss, evaluation, averaging, processes, and the layers
that are fast in training on a CPU. Below it `declared/` is a training as data, `data/` its clips, `folder/` its files.
Which networks and clips a user can name is decided in `ablations/training`.
"""
