"""HEAR's task folders: read, check, unpack and resample them; two packaged tasks.

What knows the layout of task folders may enter; embeddings and probes stay out.
"""
