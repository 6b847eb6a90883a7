"""Campaigns: thousands of attempts that prove a claim once. `make campaigns` runs them; their counts are committed.

They are no tests; the files test_*.py here are, of the campaigns themselves. Each writes JSON in results/benchmarks.
"""
