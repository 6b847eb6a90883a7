"""What figures share: the sheet they are drawn on, its style, the colors of models, ticks, lines across, the notes."""
