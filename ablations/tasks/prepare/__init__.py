"""HEAR tasks made from lists of one's own files: `ablate prepare`."""
