"""Optuna's samplers and pruner, as searches use them."""

import hashlib
import warnings
from collections.abc import Callable, Mapping

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

STARTUP = 10  # trials that are drawn at random before TPE models them
POPULATION = 10  # of NSGA-II
PRUNED_BEHIND = 5  # trials, whose median decides whether another is pruned


def _tpe(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=True, group=True, constant_liar=True)


SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    "tpe": _tpe,
    "nsga2": lambda seed: NSGAIISampler(population_size=POPULATION, seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
}
"""Name -> a function that makes a sampler from a seed."""


def sampler_of(name: str, seed: int, number: int) -> BaseSampler:
    """Make the sampler of one trial.

    Its draws depend on the trials so far, on the seed and on the number, not on the process.

    Args:
        name: a key of `SAMPLERS`.
        seed: the search's.
        number: how many variants were drawn before.
    """
    return SAMPLERS[name](int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:4], "big"))


def pruner_of(pruning: bool) -> BasePruner:
    """Make the pruner: it ends a trial below the median of the others at the same step."""
    return MedianPruner(n_startup_trials=PRUNED_BEHIND, n_min_trials=PRUNED_BEHIND) if pruning else NopPruner()
