"""Commands that look at the results of a run, and hand them on: tables, figures, comparisons, pages."""
