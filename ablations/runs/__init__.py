"""Runs of one study or of many, from the work list to rows.csv, and plans of them."""
