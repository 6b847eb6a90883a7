"""A study as data, and the packaged studies: `studies/`, and those of the paper in `paper/`."""
