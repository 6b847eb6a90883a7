"""The files of runs: rows, job files and predictions, each complete or absent."""
