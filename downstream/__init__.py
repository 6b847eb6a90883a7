"""HEAR tasks and embeddings in, scores out.

Embeddings are extracted into the store, probes are trained on them, and the tests are scored.

Nothing here knows specs, checkpoints or result rows: an embedder satisfies `downstream.embedder`, and scores are plain.
"""
