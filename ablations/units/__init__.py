"""What a run has to do, as values, and doing one unit of it."""
