"""What scores and predictions establish: intervals, permutation tests, ranks and variance."""
