"""Embeddings of one's own audio files, without a task."""
