"""Audio files to samples: containers checked against their headers, then decoded; only whole files are accepted.

What knows audio formats may enter; what knows tasks, splits or rates of models belongs into `downstream.tasks`.
"""
