"""A search as data, read from YAML: a space of variants, tasks and objectives."""

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
from ablations.search.samplers import SAMPLERS
from ablations.search.space import Space
from ablations.study.study import Study
from downstream.disk.fields import choice, flag, list_of, text, whole, wrong
from downstream.disk.files import fingerprint

FOLDER = Path(__file__).with_name("searches")
"""The folder of packaged searches."""
SCORE = "score"
KEYS = (
    *("name", "tasks", "space", "objectives", "trials", "sampler", "sampler_seed", "pruning"),
    *("protocol", "seeds", "precision"),
)
DEFAULTS = {"objectives": [SCORE], "trials": 30, "sampler": "tpe", "sampler_seed": 0, "protocol": "hear2021"}
DECIDING = tuple(key for key in KEYS if key not in ("name", "trials"))
"""The keys that must not change when a search goes on."""


@dataclass(frozen=True)
class Search:
    """A search that was declared.

    Attributes:
        name: of its run.
        tasks: as a study's.
        space: the variants, each with a protocol.
        objectives: `score`, the mean over tasks of the mean validation score over folds and seeds; for a Pareto front
            also a key of `ablations.search.cost.COSTS`.
        trials: number of variants to run, by all processes together, repeats not counted.
        sampler: a key of `SAMPLERS`.
        sampler_seed: seed of the sampler; a sampler starts from it and the number of trials.
        pruning: whether a trial ends early if its first folds score below the median of the others. This needs a fold
            of every task, so that tasks of one fold should come first.
        seeds: as a study's.
        precision: as a study's.
        declared: key -> fingerprint of its value, for the keys that must not change when the search goes on.
        folder: the folder of its file.
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
        """Load a packaged search by its name, or a search from a YAML file.

        Raises:
            FileNotFoundError, ValueError: names the file and the key, the value got and what was expected.
        """
        return yaml_file.load(name, "search", [FOLDER], cls.from_dict, "`ablate studies --kind search`")

    @classmethod
    def from_dict(cls, entries: Any, base: Path = Path()) -> "Search":
        """Make a search of parsed YAML; task folders and weight files are relative to `base`.

        Raises:
            FileNotFoundError, ValueError: names the key, the value got and what was expected.
        """
        yaml_file.check_keys(entries, KEYS, "a search")
        for key in ("name", "tasks", "space"):
            if not entries.get(key):
                raise ValueError(f"a search needs {key!r}")
        values = {"pruning": entries.get("objectives", [SCORE]) == [SCORE], **DEFAULTS, **entries}
        _check(values)
        shared = {key: entries[key] for key in ("name", "tasks", "seeds", "precision") if key in entries}
        study = Study.from_dict({**shared, "models": [{"checkpoint": "logmel"}]}, base)  # checks these keys
        space = Space.of(values["space"], values["protocol"], base)
        for objective, checkpoint in itertools.product(values["objectives"][1:], space.checkpoints):
            if reason := cost.unknown(objective, checkpoint):
                raise ValueError(f"objectives: {objective} of {checkpoint} is not known, width is: {reason}")
        deciding = {key: values.get(key) for key in DECIDING}
        deciding["objectives"] = [*values["objectives"], *([cost.FORMAT] if cost.GMACS in values["objectives"] else [])]
        return cls(
            name=study.name,
            tasks=study.tasks,
            space=space,
            objectives=tuple(values["objectives"]),
            trials=values["trials"],
            sampler=values["sampler"],
            sampler_seed=values["sampler_seed"],
            pruning=values["pruning"],
            seeds=study.seeds,
            precision=study.precision,
            declared={key: fingerprint(json.loads(json.dumps(value, default=str))) for key, value in deciding.items()},
            folder=base,
        )


def _check(values: Mapping[str, Any]) -> None:
    """Check the keys that a study does not have; ValueError names the key."""
    objectives = values["objectives"]
    expected = f"[{SCORE}] or [{SCORE}, COST] with a cost of {', '.join(COSTS)}"
    costs = list_of(text, objectives, "objectives", expected)[1:]
    if objectives[:1] != [SCORE] or len(costs) > 1 or not set(costs) <= set(COSTS):
        raise wrong(objectives, "objectives", expected)
    choice(values["sampler"], "sampler", SAMPLERS)
    text(values["protocol"], "protocol")
    whole(values["trials"], "trials", 1)
    whole(values["sampler_seed"], "sampler_seed", 0, 2**32 - 1)
    if flag(values["pruning"], "pruning") and costs:
        raise ValueError("pruning is for one objective: what is worse in one of two may be on the front")
