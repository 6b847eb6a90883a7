"""A run, or several, as one HTML page: tables, figures, statistics, and what was run with what."""

from ablations.report.page import page, write_page

__all__ = ["page", "write_page"]
