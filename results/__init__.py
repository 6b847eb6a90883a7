"""Rows in; tables, statistics and figures out. Published reference numbers live here too. No torch."""

from results.load import load

__all__ = ["load"]
