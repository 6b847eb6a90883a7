"""Audio files to samples: containers are checked, then decoded.

Only whole files are accepted.

What knows audio formats may enter; what knows tasks, splits or rates of models belongs into `downstream.tasks`.
"""
