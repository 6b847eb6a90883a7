"""How long large tables take: rows are made up, then written in each format. Without torch, as all of `results` is."""

import subprocess
import sys
import time
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from ablations.system.machine import machine
from results.rows.rows import COLUMNS, NUMBERS, task_table
from results.scores.scores import scores
from results.tables import compose

MODELS, FOLDS, SEEDS = 100, 10, 5
COLUMNS_OF_ROWS = ("step", "seconds", "cpu_seconds")
WITHOUT_TORCH = (
    "import sys, results.tables.compose, results.figures, results.tables.agreement; print('torch' in sys.modules)"
)


def measure(models: int = MODELS, folds: int = FOLDS, seeds: int = SEEDS) -> dict[str, Any]:
    """Seconds of the table of so many models on HEAR's 19 tasks, once each; and whether results import torch.

    Returns:
        A record to be written as JSON; its `rows` have the columns step, seconds and cpu_seconds (of this process).
    """
    made = made_rows(models, folds, seeds)
    steps = {"scores": lambda: scores(made)}
    steps |= {name: lambda write=write: write(made) for name, write in compose.FORMATS.items()}
    steps["markdown with means"] = lambda: compose.to_markdown(made, means=True, by_category=True)
    rows = []
    for name, step in steps.items():
        start, busy = time.perf_counter(), time.process_time()
        step()
        seconds = {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - busy}
        rows.append({"step": name, **seconds})
    imported = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True)
    about = f"{models} models x {len(task_table())} tasks x {folds} folds x {seeds} seeds, {len(made)} rows"
    return {
        "what": about,
        "device": machine("cpu"),
        "results_import_torch": imported.stdout.strip() == "True",
        "rows": rows,
    }


def made_rows(models: int, folds: int, seeds: int) -> pd.DataFrame:
    """Rows of every model, HEAR task, fold and seed, with scores that are drawn from one seed."""
    table = task_table()
    cells = list(product(range(models), table.index, range(folds), range(seeds)))
    found = pd.DataFrame(cells, columns=["model", "task", "fold", "seed"])
    empty = {name: float("nan") if name in NUMBERS else "" for name in COLUMNS if name not in found}
    names, score = "model " + found["model"].astype(str), np.random.default_rng(0).random(len(found))
    same = {"family": "made", "weights": "published", "primary": True, "protocol": "hear2021"}
    found = found.assign(**empty).assign(**same, model=names, spec=names, score=score, job=names)
    return found.assign(fold="fold" + found["fold"].astype(str), metric=found["task"].map(table["primary_metric"]))


def to_markdown(found: dict[str, Any]) -> str:
    """The rows of a record as a table, with what was written."""
    table = pd.DataFrame(found["rows"])[list(COLUMNS_OF_ROWS)].to_markdown(index=False, floatfmt=".3f")
    torch = "import torch" if found["results_import_torch"] else "import no torch"
    return f"{table}\n\n{found['what']}; results {torch}."
