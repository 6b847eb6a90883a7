"""Audio files to samples: containers are checked, then decoded.

Only whole files are accepted.

Code about audio formats belongs here; code that knows tasks, splits or a model's rate belongs in `downstream.tasks`.
"""
