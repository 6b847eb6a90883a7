"""How often comparisons of models err: simulated models that are equal, and models that differ by a known amount.

A clip is right if its latent value is above 0. The value is the clip's difficulty, shared by both models, plus the
parts of the model on the clip, of the model on the clip's group, and of the seed. Events are found clip by clip in the
same way, each with the probability that belongs to the clip's latent value, beside false ones. The models differ by a
shift of latent values; the difference of scores follows from the normal distribution, or for events from many clips.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
from scipy.stats import norm

from ablations.benchmarks.record import Record, command_line
from results.rows.event_counts import f_measure
from results.statistics.permutation import Swapped, fewest_units, swap_test
from results.statistics.swapped import of_counts, of_shares

LEVEL = 0.05
EQUAL, DIFFERENT = 5000, 2000
"""Numbers of trials with equal models, and with different ones."""
RESAMPLES = 999
MANY = 400_000  # clips from which the true difference of event scores is computed
MEAN, OF_MODEL, SHIFT = 0.6, 0.6, 0.5
"""Latent values, in standard deviations of the difficulty: their mean, the standard deviation of a model's part, and
the difference between models that differ."""
OF_GROUP = 0.3  # standard deviation of a model's part on a group
OF_SEED = (0.1, 0.3)
"""Standard deviations of a seed's part on all clips alike, and on each clip by itself."""
REFERENCES, FALSE_ONES = 4.0, 1.0  # mean events of a clip
COLUMNS = {
    "metric": "",
    "clips": "",
    "groups": "",
    "seeds": "of each model",
    "training": "whether training scatters the simulated scores",
    "type_1_error": "share of equal models with p <= 0.05",
    "covered_equal": "share of 95 % intervals that contain a difference of 0",
    "covered": "share of 95 % intervals that contain the true difference of models that differ",
    "found": "share of models that differ with p <= 0.05",
    "width": "of the intervals then, in the mean",
    "no_interval": "share of comparisons with too few units for an interval",
}


@dataclass(frozen=True)
class Case:
    """A kind of task that is simulated.

    Attributes:
        metric: accuracy or event F-measure.
        clips: of the test split.
        groups: that clips belong to; 0 for clips on their own.
        seeds: of each model.
        training: whether the seed scatters scores.
    """

    metric: str
    clips: int
    groups: int = 0
    seeds: int = 1
    training: bool = False

    @property
    def units(self) -> np.ndarray:
        """The independent unit of each clip."""
        count = self.groups or self.clips
        return np.arange(self.clips) * count // self.clips

    def latent(self, rng: np.random.Generator, shift: float, clips: int) -> np.ndarray:
        """Draw latent values (models, seeds, clips); the first model's are higher by the shift."""
        values = MEAN + rng.normal(0, 1, clips) + OF_MODEL * rng.normal(size=(2, 1, clips))
        if self.groups:
            values = values + OF_GROUP * rng.normal(size=(2, 1, self.groups))[..., np.arange(clips) % self.groups]
        if self.training:
            values = values + OF_SEED[0] * rng.normal(size=(2, self.seeds, 1))
            values = values + OF_SEED[1] * rng.normal(size=(2, self.seeds, clips))
        values = values + shift * np.array([1, 0])[:, None, None]
        return np.broadcast_to(values, (2, self.seeds, clips))

    def swapped(self, rng: np.random.Generator, shift: float) -> Swapped:
        """Draw a trial: the difference of two models on one task."""
        units = self.units
        order = np.argsort(np.arange(self.clips) % max(self.groups, 1), kind="stable")  # clips of a group together
        latent = self.latent(rng, shift, self.clips)[..., order]
        if self.metric == "accuracy":
            right = (latent > 0).astype(float)
            return of_shares(*([[seed] for seed in side] for side in right), [units])
        counts = _counts(rng, latent)
        return of_counts(*([[seed] for seed in side] for side in counts), [units], f_measure, 1.0)

    def true_difference(self, shift: float) -> float:
        """Compute the difference of scores for a shift of latent values."""
        if self.metric == "accuracy":
            variance = 1 + OF_MODEL**2 + (OF_GROUP**2 if self.groups else 0)
            variance += sum(part**2 for part in OF_SEED) if self.training else 0
            return float(norm.cdf((MEAN + shift) / math.sqrt(variance)) - norm.cdf(MEAN / math.sqrt(variance)))
        alone = Case(self.metric, MANY)
        rng = np.random.default_rng(0)
        a, b = f_measure(_counts(rng, alone.latent(rng, shift, MANY)).sum(2))[:, 0]
        return float(a - b)


CASES = (
    *(Case("accuracy", clips) for clips in (2, 3, 6, 8, 20, 80, 400)),
    *(Case("event F-measure", clips) for clips in (2, 8, 20, 80)),
    Case("accuracy", 3000, groups=6),
    Case("accuracy", 3000, groups=20),
    Case("accuracy", 80, seeds=2, training=True),
    Case("accuracy", 80, seeds=3, training=True),
    Case("accuracy", 400, seeds=3, training=True),
    Case("accuracy", 400, seeds=5, training=True),
    Case("accuracy", 3000, groups=20, seeds=3, training=True),
    Case("accuracy", 400, seeds=1, training=True),
)
"""The last one shows what one seed leaves out; comparisons say so."""


def measure(equal: int = EQUAL, different: int = DIFFERENT, seed: int = 0, *, cases: Sequence[Case] = CASES) -> Record:
    """Simulate comparisons of models: how often equal ones are called different, how often intervals cover.

    Args:
        equal: trials of each case with equal models.
        different: trials of each case with models that differ.
        seed: of all that is drawn.
        cases: that are simulated.
    """
    start = time.process_time()
    rows = [_row(case, equal, different, np.random.default_rng((seed, i))) for i, case in enumerate(cases)]
    seconds = time.process_time() - start
    what = (
        f"{equal} comparisons of equal models and {different} of models that differ in each row; "
        f"{RESAMPLES} swap patterns where all are more"
    )
    return Record(what, rows, COLUMNS, facts={"cpu_seconds": round(seconds, 1)}, lines=[f"{seconds:.0f} s of one core"])


def _row(case: Case, equal: int, different: int, rng: np.random.Generator) -> dict[str, Any]:
    true = case.true_difference(SHIFT)
    same = _trials(case, equal, 0.0, rng)
    other = _trials(case, different, SHIFT, rng)
    established = case.units[-1] + 1 >= fewest_units(1 - LEVEL)
    covered = lambda trials, value: float(((trials[:, 1] <= value) & (value <= trials[:, 2])).mean())  # noqa: E731
    return {
        "metric": case.metric,
        "clips": case.clips,
        "groups": case.groups or None,
        "seeds": case.seeds,
        "training": case.training,
        "type_1_error": float((same[:, 0] <= LEVEL).mean()),
        "covered_equal": covered(same, 0) if established else None,
        "covered": covered(other, true) if established else None,
        "found": float((other[:, 0] <= LEVEL).mean()),
        "width": float((other[:, 2] - other[:, 1]).mean()) if established else None,
        "no_interval": float(np.isnan(np.concatenate([same, other])[:, 1]).mean()),
    }


def _trials(case: Case, count: int, shift: float, rng: np.random.Generator) -> np.ndarray:
    """Return p, low and high of each trial, (trials, 3)."""
    trials = []
    for number in range(count):
        test = swap_test(case.swapped(rng, shift), confidence=1 - LEVEL, resamples=RESAMPLES, seed=number)
        trials.append((test.p, test.low, test.high))
    return np.array(trials)


def _counts(rng: np.random.Generator, latent: np.ndarray) -> np.ndarray:
    """Draw matched, predicted and reference events, (models, seeds, clips, 3)."""
    reference = 1 + rng.poisson(REFERENCES - 1, latent.shape[-1])
    matched = rng.binomial(reference, norm.cdf(latent))
    predicted = matched + rng.poisson(FALSE_ONES, latent.shape)
    return np.stack([matched, predicted, np.broadcast_to(reference, latent.shape)], axis=-1)


main = command_line(
    measure,
    "python -m tests.campaigns.statistics",
    click.option("--equal", type=click.IntRange(1), default=EQUAL, show_default=True, help="Trials with equal models."),
    click.option("--different", type=click.IntRange(1), default=DIFFERENT, show_default=True, help="And with others."),
    click.option("--seed", default=0, show_default=True, help="Of all that is drawn."),
    progress=False,
)

if __name__ == "__main__":
    main()
