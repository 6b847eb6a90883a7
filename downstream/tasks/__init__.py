"""HEAR's task folders: reading, checking, unpacking and resampling them, and the tasks that are packaged."""
