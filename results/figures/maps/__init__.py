"""Heat maps with a value in each cell: of scores, and of the weights that probes learned for levels."""
