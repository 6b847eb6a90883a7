"""The effective receptive field: how much the sound at each offset from a timestamp decides its embedding."""
