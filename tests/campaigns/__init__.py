"""Campaigns: thousands of attempts that prove a claim once. `make campaigns` runs them; their counts are committed.

They are no tests: pytest does not collect them. Each writes one JSON file in results/benchmarks.
"""
