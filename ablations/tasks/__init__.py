"""Tasks: by name, from HEAR's archives, of one's own data, and as worked examples."""
