"""Choose the next variant: a new sampler for every trial, and no variant twice."""

import random
from typing import Any

import optuna
from optuna.trial import Trial, TrialState

from ablations.search.samplers import sampler_of
from ablations.search.space import Space, Variant
from ablations.search.storage import REPEAT, Content, counted, drawn

REPEATS = 20  # in a row, before a variant is taken from those that are left
LISTED = 20_000  # variants; larger spaces are not listed for that


def ask(study: optuna.Study, space: Space, sampler: str, seed: int, worker: str = "") -> tuple[Trial, Variant] | None:
    """Start the next trial, of a variant that no other trial has.

    A variant that comes up again becomes a failed trial, which samplers ignore.

    Args:
        study: the trials so far.
        space: the variants.
        sampler: a key of `SAMPLERS`.
        seed: the search's.
        worker: name of this process; "" for one that has none.

    Returns:
        The trial and its variant; None if no variant is left.
    """
    taken = {Content.of(trial).key for trial in counted(study)}
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
        Content.of_variant(variant, worker).note(trial)
        if variant.key not in taken:
            return trial, variant
        trial.set_user_attr(REPEAT, True)
        study.tell(trial, state=TrialState.FAIL)
    return None


def _left(space: Space, taken: set[str], seed: int, number: int) -> dict[str, Any] | None:
    """Draw the parameters of a variant that is left.

    The result is None if no variant is left, or the space has too many variants to list.
    """
    if space.size > LISTED:
        return None
    left = [point for point in space.points() if space.variant(point).key not in taken]
    return random.Random(f"{seed} {number}").choice(left) if left else None
