"""Scores to tables, in every format, with the marks and escapes that each needs."""
