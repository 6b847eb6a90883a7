"""HEAR tasks from lists of one's own files: `ablate prepare`."""
