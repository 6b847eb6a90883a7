"""Rows in; tables and figures out. Published reference numbers live here too. No torch."""
