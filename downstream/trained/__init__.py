"""Trained probes as values: what they predict of new embeddings, and the file that keeps those of a job.

Which probe of a fold was chosen is decided elsewhere (`downstream.evaluate`, `downstream.solve`).
"""
