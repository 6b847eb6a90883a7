"""How a notebook shows a plan."""

import pandas as pd

from results.statistics.shown import as_html

TOTALS = ("jobs", "done", "clips", "hours", "passes", "fits", "extraction_s", "probes_s", "disk_mb")
"""Columns of a plan whose sums say something."""


class Plan(pd.DataFrame):  # type: ignore[misc]  # pandas has no types
    """The table of `ablations.plan_study`; a notebook shows what is known, a row of totals, and the problems."""

    def _repr_html_(self) -> str:
        can_run = self["problem"].isna()
        known = pd.DataFrame(self[can_run]).drop(columns="problem").dropna(axis=1, how="all")
        sums = {name: known[name].sum() for name in TOTALS if name in known}
        if len(known) > 1:
            known = pd.concat([known, pd.DataFrame([{"model": "all", **sums}])], ignore_index=True)
        problems = [
            f"Problem: {' '.join(name for name in (row.model, row.task) if isinstance(name, str))}: {row.problem}"
            for row in pd.DataFrame(self[~can_run]).itertuples()
        ]
        return as_html(known.astype(object).map(_cell), *problems)


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if pd.isna(value) else f"{value:,.3g}" if float(value) % 1 else f"{value:,.0f}"  # type: ignore[arg-type]
