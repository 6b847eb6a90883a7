"""A study as data, and the packaged ones: `studies/`, and the paper's in `paper/`."""
