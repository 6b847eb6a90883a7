"""What a search tries next: Optuna's samplers, started anew for every trial, and no variant twice."""

import hashlib
import random
import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState

from ablations.search.space import Space, Variant
from ablations.search.storage import REPEAT, VARIANT, counted, drawn

STARTUP = 10  # trials drawn at random, before TPE's model of them
POPULATION = 10  # of NSGA-II
PRUNED_BEHIND = 5  # trials, of which the median decides
REPEATS = 20  # in a row, before a variant is taken from those that are left
LISTED = 20_000  # variants of a space, at most, for that


def sampler_of(name: str, seed: int, number: int) -> BaseSampler:
    """The sampler for a trial: what it draws depends on the trials so far and on seed and number, not on a process."""
    entropy = int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:4], "big")
    if name == "random":
        return RandomSampler(seed=entropy)
    if name == "nsga2":
        return NSGAIISampler(population_size=POPULATION, seed=entropy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(seed=entropy, n_startup_trials=STARTUP, multivariate=True, group=True, constant_liar=True)


def pruner_of(pruning: bool) -> optuna.pruners.BasePruner:
    """Ends a trial that is below the median of the others' values at the same step."""
    return MedianPruner(n_startup_trials=PRUNED_BEHIND, n_min_trials=PRUNED_BEHIND) if pruning else NopPruner()


def ask(
    study: optuna.Study, space: Space, sampler: str, seed: int, marks: Mapping[str, Any] | None = None
) -> tuple[Trial, Variant] | None:
    """The next trial, of a variant that none had; None where the space is exhausted.

    Variants that come up again are trials too, failed ones, which samplers ignore.

    Args:
        marks: what else its attribute is to say.
    """
    taken = {trial.user_attrs[VARIANT]["key"] for trial in counted(study)}
    for attempt in range(REPEATS + 1):
        number = drawn(study)
        if attempt == REPEATS:
            left = _left(space, taken, seed, number)
            if left is None:
                return None
            study.enqueue_trial(left)
        study.sampler = sampler_of(sampler, seed, number)
        trial = study.ask()
        variant = space.draw(trial)
        model = variant.model
        said = {"key": variant.key, "label": model.label, "spec": str(model.spec), "protocol": variant.protocol}
        trial.set_user_attr(VARIANT, {**said, **(marks or {})})
        if variant.key not in taken:
            return trial, variant
        trial.set_user_attr(REPEAT, True)
        study.tell(trial, state=TrialState.FAIL)
    return None


def _left(space: Space, taken: set[str], seed: int, number: int) -> dict[str, Any] | None:
    """The parameters of a variant that is left, drawn at random; None where there is none, or too many to list."""
    if space.size > LISTED:
        return None
    left = [point for point in space.points() if space.variant(point).key not in taken]
    return random.Random(f"{seed} {number}").choice(left) if left else None
