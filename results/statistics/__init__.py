"""What scores establish: intervals, permutation tests, ranks and variance."""
