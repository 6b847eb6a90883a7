"""Whether the search is worth it: samplers replayed on a space of which every variant was run.

The table is made by real runs, once; a replay asks the samplers as `ablations.search.run` does and answers from the
table. What random search gives at an equal budget is known exactly: the best of so many variants, drawn without any
twice.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Any

import click
import numpy as np
import optuna
import pandas as pd
from optuna.trial import TrialState

from ablations.cli.options import DEVICE, RUNS, STORE, TASKS
from ablations.cli.progress import bars, terminal
from ablations.search.declared import Search
from ablations.search.goal import Fold, Goal
from ablations.search.run import tasks_of
from ablations.search.samplers import pruner_of
from ablations.search.sampling import ask
from ablations.search.trial import Places, run_blind, validations_by_spec
from ablations.study.study import Study
from ablations.system.errors import NewFile, one_line_errors
from ablations.system.machine import choose_device, machine, versions
from downstream.disk.files import write_json
from downstream.progress import Track
from downstream.store.store import default_root

REPLAYED = {"tpe": ("tpe", False), "tpe, pruned": ("tpe", True), "random": ("random", False)}
BUDGETS = (10, 15, 20, 25, 30, 40, 50, 60)


@dataclass(frozen=True)
class Table:
    """Validation scores of every variant of a space.

    Attributes:
        folds: a variant's key -> its folds' validation scores, in the order they come up.
        scores: a variant's key -> its score.
    """

    folds: Mapping[str, Mapping[Fold, float]]
    scores: Mapping[str, float]
    goal: Goal

    @property
    def order(self) -> np.ndarray:
        """The scores, best first."""
        return np.sort(list(self.scores.values()))[::-1]


def table_of(search: Search, places: Places) -> Table:
    """Run what is missing of every variant of the search's space; a study a protocol, in `places.folder`.

    Raises:
        ValueError: where one of them fails.
    """
    goal = Goal.of(tasks_of(search, places), search.seeds)
    variants = [search.space.variant(point) for point in search.space.points()]
    folds: dict[str, dict[Fold, float]] = {}
    for protocol in dict.fromkeys(variant.protocol for variant in variants):
        keys = {str(variant.model.spec): variant for variant in variants if variant.protocol == protocol}
        models, name = tuple(variant.model for variant in keys.values()), f"{search.name}-{protocol}"
        study = Study(name, models, search.tasks, search.seeds, protocol, search.precision, folder=search.folder)
        folder = run_blind(study, places.folder, places)
        found = validations_by_spec(folder)
        folds |= {variant.key: found[spec] for spec, variant in keys.items()}
    return Table(folds, {key: goal.score(found) for key, found in folds.items()}, goal)


def replay(
    search: Search, table: Table, sampler: str, seed: int, budget: int, *, pruning: bool = False
) -> pd.DataFrame:
    """The trials of a sampler on the table, up to `budget`: key, score (NaN where pruned), folds, best (so far)."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["maximize"], pruner=pruner_of(pruning))
    found: list[dict[str, Any]] = []
    while len(found) < budget and (asked := ask(study, search.space, sampler, seed)) is not None:
        trial, variant = asked
        folds = list(table.folds[variant.key].items())
        for count in range(1, len(folds)):
            if not table.goal.telling(seen := dict(folds[:count])):
                continue
            trial.report(table.goal.score(seen), count)
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                found.append({"key": variant.key, "score": np.nan, "folds": count})
                break
        else:
            study.tell(trial, table.scores[variant.key])
            found.append({"key": variant.key, "score": table.scores[variant.key], "folds": len(folds)})
    trials = pd.DataFrame(found)
    return trials.assign(best=trials["score"].cummax().ffill())


def random_median(scores: Sequence[float], budget: int) -> float:
    """The median of the best of `budget` variants, drawn at random without any twice: exact, by counting."""
    ordered = sorted(scores)
    draws = comb(len(ordered), budget)
    for place, score in enumerate(ordered, 1):
        if 2 * comb(place, budget) >= draws:
            return score
    return ordered[-1]


def measure(search: Search, places: Places, seeds: int, budget: int, track: Track) -> dict[str, Any]:
    """Replays of every sampler from so many seeds, beside random search; a record to be written as JSON.

    Raises:
        ValueError: for a budget above the space's size, or several objectives.
    """
    size = search.space.size
    if len(search.objectives) > 1:
        raise ValueError(f"objectives must be [score] to compare searches, got {list(search.objectives)}")
    if not 1 <= budget <= size:
        raise ValueError(f"budget must be 1 to {size}, the size of the space, got {budget}")
    start = time.perf_counter()
    table = table_of(search, places)
    seconds = time.perf_counter() - start
    with track("replays", len(REPLAYED) * seeds) as advance:
        runs: dict[str, list[pd.DataFrame]] = {name: [] for name in REPLAYED}
        for name, (sampler, pruning) in REPLAYED.items():
            for seed in range(seeds):
                runs[name].append(replay(search, table, sampler, seed, budget, pruning=pruning))
                advance(1)
    return {
        "what": f"Validation scores of {size} variants, each run once; samplers replayed on that table, from seeds "
        f"0 to {seeds - 1}, {budget} variants a search. None was given to try first.",
        "search": search.name,
        "tasks": list(search.tasks),
        "device": machine(choose_device(places.device)),
        "versions": {**versions(), "optuna": optuna.__version__},
        "table_seconds": round(seconds, 1),
        "budget": budget,
        **compare(table, runs, budget),
    }


def compare(table: Table, runs: Mapping[str, Sequence[pd.DataFrame]], budget: int) -> dict[str, Any]:
    """How replays stand to the exact median of random search, at this budget and at smaller ones."""
    scores = [float(score) for score in table.order]
    median = random_median(scores, budget)
    budgets = [*(each for each in BUDGETS if each < budget), budget]
    bests = {name: np.array([run["best"] for run in found]) for name, found in runs.items()}
    return {
        "table": {"best": scores[0], "median": float(np.median(scores)), "worst": scores[-1]},
        "median_of_random_search": median,
        "above_it": {name: int((found[:, -1] > median).sum()) for name, found in bests.items()},
        "median_over_seeds": {name: float(np.median(found[:, -1])) for name, found in bests.items()},
        "budgets": budgets,
        "best_by_budget": {
            **{name: np.median(found, axis=0)[np.array(budgets) - 1].tolist() for name, found in bests.items()},
            "median of random search": [random_median(scores, each) for each in budgets],
        },
        "rows": [
            {"sampler": name, "seed": seed, **_said(run, table)}
            for name, found in runs.items()
            for seed, run in enumerate(found)
        ],
    }


def to_markdown(found: dict[str, Any]) -> str:
    """The best score of each replay, and how the samplers stand to random search."""
    rows = pd.DataFrame(found["rows"]).to_markdown(index=False, floatfmt=".4g")
    curves = pd.DataFrame(found["best_by_budget"], index=found["budgets"]).rename_axis("variants")
    above = ", ".join(f"{name} {count}" for name, count in found["above_it"].items())
    return "\n\n".join(
        [
            rows,
            f"Best so far, median over seeds:\n\n{curves.to_markdown(floatfmt='.4g')}",
            f"Median of random search, exact: {found['median_of_random_search']:.4g}; searches above it: {above}.\n"
            f"Best of all: {found['table']['best']:.4g}. {found['what']}",
        ]
    )


def _said(run: pd.DataFrame, table: Table) -> dict[str, Any]:
    """Of one replay: its best score, that variant's rank among all, when it came, folds fitted and trials pruned."""
    best = float(run["best"].iloc[-1])
    return {
        "best": best,
        "rank": int((table.order > best).sum()) + 1,
        "found_at": int(run["score"].idxmax()) + 1,
        "folds": int(run["folds"].sum()),
        "pruned": int(run["score"].isna().sum()),
    }


DEFAULT = "search_benchmark"


@click.command()
@click.argument("search", default=DEFAULT)
@click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="Searches by each sampler.")
@click.option("--budget", type=click.IntRange(min=1), default=40, show_default=True, help="Variants of each.")
@RUNS
@TASKS
@STORE
@DEVICE
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def main(
    search: str,
    seeds: int,
    budget: int,
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    out: Path | None,
) -> None:
    """Compare searches with random search at an equal budget: on a space of which every variant is run once.

    SEARCH is one with a space that can be run whole; the packaged one takes minutes. What was run is not run again.
    """
    declared = Search.load(search)
    with bars(terminal()) as track:
        places = Places(runs / declared.name, store or default_root(), tasks, choose_device(device), track)
        found = measure(declared, places, seeds, budget, track)
    click.echo(to_markdown(found))
    if out:
        name = "" if search == DEFAULT else " SEARCH"
        options = "".join(
            f" --{key} {n}" for key, n, usual in (("seeds", seeds, 5), ("budget", budget, 40)) if n != usual
        )
        write_json(out, {"command": f"python -m tests.campaigns.samplers{name}{options}", **found})


if __name__ == "__main__":
    main()
