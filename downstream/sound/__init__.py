"""Audio files to samples, of whole files alone."""
