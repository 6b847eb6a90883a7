"""HEAR's task folders: read, checked, unpacked and resampled, and two tasks that come with the package.

What knows the layout of task folders may enter; embeddings and probes stay out.
"""
