"""HEAR tasks and embeddings in, scores out: tasks, audio, the tap store, probes, metrics, the protocol."""
