"""Downloads: resumed, hashed, locked, and complete or absent."""
