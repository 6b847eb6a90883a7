"""Downloads that are resumed, hashed, locked, and complete or absent.

`files.py` has the package's one atomic write and one lock. Nothing here knows what is in a file.
"""
