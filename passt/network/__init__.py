"""The transformer: the model, patchout, its inference form, precision, oneDNN, and how changed weights are followed."""
