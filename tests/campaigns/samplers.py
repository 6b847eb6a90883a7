"""Whether the search beats random search: samplers replayed on a space of which every variant was run once.

A table of all variants comes from real runs. A replay asks the samplers as `ablations.search.run` does, and answers
from the table. The result of random search at the same budget is known exactly: the best of so many variants, drawn
without replacement.
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

from ablations.benchmarks.record import Record, command_line, table_text
from ablations.search.declared import Search
from ablations.search.goal import Fold, Goal
from ablations.search.run import tasks_of
from ablations.search.samplers import pruner_of
from ablations.search.sampling import ask
from ablations.search.trial import Places, run_blind, validations_by_spec
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.system.machine import choose_device, versions
from ablations.terminal.options import DEVICE, RUNS, STORE, TASKS
from ablations.units.where import Where
from downstream.progress import Track, silent

DEFAULT = "search_benchmark"
REPLAYED = {"tpe": ("tpe", False), "tpe, pruned": ("tpe", True), "random": ("random", False)}
BUDGETS = (10, 15, 20, 25, 30, 40, 50, 60)
COLUMNS = {
    "sampler": "",
    "seed": "of the sampler",
    "best": "the best score of the search",
    "rank": "of that variant among all",
    "found_at": "the trial that had it, from 1",
    "folds": "that were fitted",
    "pruned": "trials",
}


@dataclass(frozen=True)
class Table:
    """Validation scores of every variant of a space.

    Attributes:
        folds: a variant's key -> its folds' validation scores, in the order of a run.
        scores: a variant's key -> its score.
        goal: makes the score from the folds.
    """

    folds: Mapping[str, Mapping[Fold, float]]
    scores: Mapping[str, float]
    goal: Goal

    @property
    def order(self) -> np.ndarray:
        """All scores, best first."""
        return np.sort(list(self.scores.values()))[::-1]


def table_of(search: Search, places: Places) -> Table:
    """Run every variant of the search's space that has not been run; a study for each protocol, in `places.folder`.

    Raises:
        ValueError: if a variant fails.
    """
    goal = Goal.of(tasks_of(search, places), search.seeds)
    variants = [search.space.variant(point) for point in search.space.points()]
    folds: dict[str, dict[Fold, float]] = {}
    for protocol in dict.fromkeys(variant.protocol for variant in variants):
        keys = {str(variant.model.spec): variant for variant in variants if variant.protocol == protocol}
        models, name = tuple(variant.model for variant in keys.values()), f"{search.name}-{protocol}"
        study = Study(name, models, search.tasks, search.seeds, protocol, search.precision, folder=search.folder)
        folder = run_blind(study, places.folder, places)
        validations = validations_by_spec(folder)
        folds |= {variant.key: validations[spec] for spec, variant in keys.items()}
    return Table(folds, {key: goal.score(scores) for key, scores in folds.items()}, goal)


def replay(
    search: Search, table: Table, sampler: str, seed: int, budget: int, *, pruning: bool = False
) -> pd.DataFrame:
    """Replay a sampler on the table.

    Args:
        search: whose space the table is of.
        table: answers the sampler.
        sampler: a name of `ablations.search.sampling`.
        seed: of the sampler.
        budget: variants, at most.
        pruning: whether trials may end early.

    Returns:
        A row for each trial: key, score (NaN if pruned), folds (that were fitted), best (score so far).
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=["maximize"], pruner=pruner_of(pruning))
    trials: list[dict[str, Any]] = []
    while len(trials) < budget and (asked := ask(study, search.space, sampler, seed)) is not None:
        trial, variant = asked
        folds = list(table.folds[variant.key].items())
        for count in range(1, len(folds)):
            if not table.goal.telling(first := dict(folds[:count])):
                continue
            trial.report(table.goal.score(first), count)
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                trials.append({"key": variant.key, "score": np.nan, "folds": count})
                break
        else:
            study.tell(trial, table.scores[variant.key])
            trials.append({"key": variant.key, "score": table.scores[variant.key], "folds": len(folds)})
    frame = pd.DataFrame(trials)
    return frame.assign(best=frame["score"].cummax().ffill())


def random_median(scores: Sequence[float], budget: int) -> float:
    """Return the exact median of the best of `budget` variants, drawn at random without replacement."""
    ordered = sorted(scores)
    draws = comb(len(ordered), budget)
    for place, score in enumerate(ordered, 1):
        if 2 * comb(place, budget) >= draws:
            return score
    return ordered[-1]


def compare(table: Table, runs: Mapping[str, Sequence[pd.DataFrame]], budget: int) -> dict[str, Any]:
    """Compare replays with the exact median of random search, at this budget and at smaller ones.

    Args:
        table: of all variants.
        runs: name of a sampler -> its replays, one a seed.
        budget: variants of each replay.
    """
    scores = [float(score) for score in table.order]
    median = random_median(scores, budget)
    budgets = [*(smaller for smaller in BUDGETS if smaller < budget), budget]
    bests = {name: np.array([run["best"] for run in replays]) for name, replays in runs.items()}
    return {
        "table": {"best": scores[0], "median": float(np.median(scores)), "worst": scores[-1]},
        "median_of_random_search": median,
        "above_it": {name: int((best[:, -1] > median).sum()) for name, best in bests.items()},
        "median_over_seeds": {name: float(np.median(best[:, -1])) for name, best in bests.items()},
        "budgets": budgets,
        "best_by_budget": {
            **{name: np.median(best, axis=0)[np.array(budgets) - 1].tolist() for name, best in bests.items()},
            "median of random search": [random_median(scores, smaller) for smaller in budgets],
        },
    }


def measure(
    search: str = DEFAULT,
    seeds: int = 5,
    budget: int = 40,
    runs: Path = Path("runs"),
    tasks: Path | None = None,
    store: Path | None = None,
    device: str | None = None,
    *,
    track: Track = silent,
) -> Record:
    """Compare searches with random search at an equal budget, on a space of which every variant is run once.

    SEARCH has a space that is small enough for that; the packaged one takes minutes. Variants that have been run are
    not run again.

    Args:
        search: name or file of a search.
        seeds: searches by each sampler.
        budget: variants of each search.
        runs: folder of runs.
        tasks: folder of HEAR task folders, None for the default one.
        store: folder of embeddings, None for the default one.
        device: cpu or cuda; None is CUDA if there is one.

    Raises:
        ValueError: for a budget above the space's size, or several objectives.
    """
    declared, device = Search.load(search), choose_device(device)
    where = Where.of(runs, store, tasks)
    places, size = Places(runs / declared.name, where, Machine(device), track), declared.space.size
    if len(declared.objectives) > 1:
        raise ValueError(f"objectives must be [score] to compare searches, got {list(declared.objectives)}")
    if not 1 <= budget <= size:
        raise ValueError(f"budget must be 1 to {size}, the size of the space, got {budget}")
    start = time.perf_counter()
    table = table_of(declared, places)
    seconds = time.perf_counter() - start
    replays: dict[str, list[pd.DataFrame]] = {name: [] for name in REPLAYED}
    with track("replays", len(REPLAYED) * seeds) as advance:
        for name, (sampler, pruning) in REPLAYED.items():
            for seed in range(seeds):
                replays[name].append(replay(declared, table, sampler, seed, budget, pruning=pruning))
                advance(1)
    comparison = compare(table, replays, budget)
    facts = {"search": declared.name, "tasks": list(declared.tasks), "table_seconds": round(seconds, 1)}
    return Record(
        f"Validation scores of {size} variants, each run once; samplers replayed on that table, from seeds 0 to "
        f"{seeds - 1}, {budget} variants a search. None was given to try first.",
        [_row(name, seed, run, table) for name, seeded in replays.items() for seed, run in enumerate(seeded)],
        COLUMNS,
        facts={**facts, "budget": budget, **comparison},
        lines=_lines(comparison),
        device=device,
        versions={**versions(), "optuna": optuna.__version__},
    )


def _row(sampler: str, seed: int, run: pd.DataFrame, table: Table) -> dict[str, Any]:
    best = float(run["best"].iloc[-1])
    rank, found_at = int((table.order > best).sum()) + 1, int(run["score"].idxmax()) + 1
    counts = {"folds": int(run["folds"].sum()), "pruned": int(run["score"].isna().sum())}
    return {"sampler": sampler, "seed": seed, "best": best, "rank": rank, "found_at": found_at, **counts}


def _lines(comparison: Mapping[str, Any]) -> list[str]:
    above = ", ".join(f"{name} {count}" for name, count in comparison["above_it"].items())
    curves = pd.DataFrame({"variants": comparison["budgets"], **comparison["best_by_budget"]})
    return [
        f"Best of all: {comparison['table']['best']:.4g}.",
        f"Median of random search, exact: {comparison['median_of_random_search']:.4g}; searches above it: {above}.",
        f"\nBest so far, median over seeds:\n\n{table_text(curves)}",
    ]


main = command_line(
    measure,
    "python -m tests.campaigns.samplers",
    click.argument("search", type=click.Path(), default=DEFAULT, metavar="[SEARCH]"),
    click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="Searches by each sampler."),
    click.option("--budget", type=click.IntRange(min=1), default=40, show_default=True, help="Variants of each."),
    RUNS,
    TASKS,
    STORE,
    DEVICE,
)

if __name__ == "__main__":
    main()
