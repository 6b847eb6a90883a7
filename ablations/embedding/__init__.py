"""Embeddings of any audio files, without a task."""
