"""What `ablate run` and `ablate plan` ask for and print."""
