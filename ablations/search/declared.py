"""A search as data, read from YAML: a space of variants, tasks, and what is wanted of a variant."""

import dataclasses
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.inputs import yaml_file
from ablations.search import cost
from ablations.search.cost import COSTS
from ablations.search.space import Space
from ablations.study.study import Study
from downstream.disk.fields import choice, flag, list_of, text, whole, wrong
from downstream.disk.files import fingerprint

FOLDER = Path(__file__).with_name("searches")
"""Where packaged searches are."""
SCORE = "score"
SAMPLERS = ("tpe", "nsga2", "random")
KEYS = (
    *("name", "tasks", "space", "objectives", "trials", "sampler", "sampler_seed", "pruning"),
    *("protocol", "seeds", "precision"),
)
DEFAULTS = {"objectives": [SCORE], "trials": 30, "sampler": "tpe", "sampler_seed": 0, "protocol": "hear2021"}
DECIDING = tuple(key for key in KEYS if key not in ("name", "trials"))
"""What a search that is gone on with can't have changed."""


@dataclass(frozen=True)
class Search:
    """What to search, on what, and for what.

    Attributes:
        tasks, seeds, precision: as a study's.
        space: its variants, each with a protocol.
        objectives: `score`, the mean over tasks of the mean validation score over folds and seeds; and one of
            `ablations.search.cost.COSTS`, where the Pareto front of both is wanted.
        trials: how many variants to run, whoever runs them; those that come up again are not counted.
        sampler: tpe, nsga2 or random, started from `sampler_seed` and the number of trials.
        pruning: whether trials end early whose first folds score below the median of the others', as soon as every task
            has had one: tasks of one fold should come first.
        declared: fingerprints of the keys that decide what a trial gives.
        folder: where its file is.
    """

    name: str
    tasks: tuple[str, ...]
    space: Space
    objectives: tuple[str, ...]
    trials: int
    sampler: str
    sampler_seed: int
    pruning: bool
    seeds: tuple[int, ...]
    precision: str
    declared: Mapping[str, str] = dataclasses.field(repr=False)
    folder: Path

    @classmethod
    def load(cls, name: str | Path) -> "Search":
        """A packaged search by name, or one from a YAML file.

        Raises:
            FileNotFoundError, ValueError: name the file and the key, the value got and what was expected.
        """
        return yaml_file.load(name, "search", [FOLDER], cls.from_dict)

    @classmethod
    def from_dict(cls, found: Any, base: Path = Path()) -> "Search":
        """A search from parsed YAML; task folders and weight files are relative to `base`."""
        yaml_file.check_keys(found, KEYS, "a search")
        for key in ("name", "tasks", "space"):
            if not found.get(key):
                raise ValueError(f"a search needs {key!r}")
        given = {"pruning": found.get("objectives", [SCORE]) == [SCORE], **DEFAULTS, **found}
        _check(given)
        shared = {key: found[key] for key in ("name", "tasks", "seeds", "precision") if key in found}
        study = Study.from_dict({**shared, "models": [{"checkpoint": "logmel"}]}, base)  # its checks of these are ours
        space = Space.of(given["space"], given["protocol"], base)
        for objective, checkpoint in itertools.product(given["objectives"][1:], space.checkpoints):
            if why := cost.unknown(objective, checkpoint):
                raise ValueError(f"objectives: {objective} of {checkpoint} is not known, width is: {why}")
        deciding = {key: given.get(key) for key in DECIDING}
        deciding["objectives"] = [*given["objectives"], *([cost.FORMAT] if cost.GMACS in given["objectives"] else [])]
        return cls(
            name=study.name,
            tasks=study.tasks,
            space=space,
            objectives=tuple(given["objectives"]),
            trials=given["trials"],
            sampler=given["sampler"],
            sampler_seed=given["sampler_seed"],
            pruning=given["pruning"],
            seeds=study.seeds,
            precision=study.precision,
            declared={key: fingerprint(json.loads(json.dumps(value, default=str))) for key, value in deciding.items()},
            folder=base,
        )


def _check(given: Mapping[str, Any]) -> None:
    """What Study does not check."""
    objectives = given["objectives"]
    expected = f"[{SCORE}] or [{SCORE}, COST] with a cost of {', '.join(COSTS)}"
    costs = list_of(text, objectives, "objectives", expected)[1:]
    if objectives[:1] != [SCORE] or len(costs) > 1 or not set(costs) <= set(COSTS):
        raise wrong(objectives, "objectives", expected)
    choice(given["sampler"], "sampler", SAMPLERS)
    text(given["protocol"], "protocol")
    whole(given["trials"], "trials", 1)
    whole(given["sampler_seed"], "sampler_seed", 0, 2**32 - 1)
    if flag(given["pruning"], "pruning") and costs:
        raise ValueError("pruning is for one objective: what is worse in one of two may be on the front")
