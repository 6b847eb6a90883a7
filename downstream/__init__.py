"""HEAR tasks and embeddings in, scores out: extract embeddings into the store, train probes on them, score the tests.

Nothing here knows specs, checkpoints or result rows: an embedder satisfies `downstream.embedder`, and scores are plain.
"""
