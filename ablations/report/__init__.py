"""What a run is shown as: its table in every format, its figure, comparisons of its models, and an HTML page."""
