"""Campaigns: measurements and thousands of attempts that prove a claim once; their results are committed.

`make campaigns` runs most of them. Each writes a JSON file to results/benchmarks. They are not tests, except for the
files test_*.py, which test the campaigns themselves.
"""
