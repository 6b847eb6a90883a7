"""Weight files to state dicts: published, untrained, DeiT and one's own, with the notes that they carry."""
