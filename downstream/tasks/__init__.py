"""HEAR's task folders: read, check, unpack and resample them; two packaged tasks.

Code that knows the layout of task folders belongs here; embeddings and probes do not.
"""
