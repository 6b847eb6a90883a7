"""A run, or several, as one HTML page: tables, figures, statistics, and what was run with what (`page.py`)."""
