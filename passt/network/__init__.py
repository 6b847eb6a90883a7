"""The transformer, and how it computes.

The model, patchout, precisions, the inference form and its oneDNN products, hashes of tensors, and the base class that
follows changes of a network. No files, no audio: mel spectrograms in, embedding levels out.
"""
