"""A pretended CUDA device: torch takes it for CUDA, and it computes on the CPU and keeps count."""
