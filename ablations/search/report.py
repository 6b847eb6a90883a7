"""What a search leaves behind: its trials as a table, rows, figures of front, history and importances, the winner."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from ablations.search.cost import COSTS
from ablations.search.declared import SCORE, Search
from ablations.search.space import BLOCK, Space
from ablations.search.storage import REASON, VARIANT, counted
from ablations.search.trial import Places
from ablations.search.winner import look
from downstream.disk.files import write_atomically
from downstream.disk.locks import held
from passt.catalog.spec import EmbeddingSpec, field_names
from results.figures import save
from results.figures.cost import on_front
from results.figures.search import search_front, search_history, search_importances
from results.rows import rows as result_rows

STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
ENOUGH = 5  # complete trials, for importances


def trials_table(study: optuna.Study, search: Search) -> pd.DataFrame:
    """The trials that count: one row each, in their order; test scores are not among them.

    Columns: trial (number), state (complete, pruned, failed, running), score (validation; of a pruned trial that of its
    folds), the cost where there is one, front (whether nothing complete is better in all objectives), folds (that a
    pruned trial had), label, spec, protocol, the spec's fields, seconds, variant (its folder below trials/), reason.
    """
    table = pd.DataFrame([_row(trial, search) for trial in counted(study)], columns=_columns(search))
    complete = table[table["state"] == "complete"]
    costs = complete[search.objectives[1]] if len(search.objectives) > 1 else 0.0
    among = pd.DataFrame({"score": complete["score"], "cost": costs})
    table["front"] = False
    table.loc[complete.index, "front"] = [on_front(row.cost, row.score, among) for row in among.itertuples()]
    return table


def _columns(search: Search) -> list[str]:
    about = ["label", "spec", "protocol", *field_names(), "seconds", "variant", "reason"]
    return ["trial", "state", *search.objectives, "front", "folds", *about]


def _row(trial: FrozenTrial, search: Search) -> dict[str, Any]:
    said = trial.user_attrs[VARIANT]
    values = dict(zip(search.objectives, _values(trial), strict=False))
    steps = sorted(trial.intermediate_values)
    if trial.state == TrialState.PRUNED:
        values = {SCORE: trial.intermediate_values[steps[-1]]}
    spec = EmbeddingSpec.parse(said["spec"])
    return {
        "trial": trial.number,
        "state": STATES.get(trial.state, "running"),
        **values,
        "folds": steps[-1] if trial.state == TrialState.PRUNED else None,
        **{name: said[name] for name in ("label", "spec", "protocol")},
        **{name: getattr(spec, name) for name in field_names()},
        "seconds": trial.duration.total_seconds() if trial.duration else None,
        "variant": said["key"],
        "reason": trial.user_attrs.get(REASON, ""),
    }


def _values(trial: FrozenTrial) -> list[float]:
    """Of its objectives, in their order; none of a trial that is not complete."""
    return list(trial.values or ())  # noqa: PD011


def importances(study: optuna.Study, space: Space) -> pd.DataFrame:
    """How much of the score's variance each parameter explains (fANOVA), among complete trials: parameter, importance.

    Where the space has several blocks, their parameters explain the variance within their block, and what the choice
    of a block explains is `space`. Parameters that not all trials have (a second level) are left out. Empty for too few
    trials.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    found = _importances(complete)
    if len(space.blocks) > 1:
        for name in space.names:
            own = _importances([trial for trial in complete if trial.params[BLOCK] == name])
            found |= {parameter: value for parameter, value in own.items() if parameter != BLOCK}
    return pd.DataFrame({"parameter": list(found), "importance": list(found.values())})


def _importances(trials: Sequence[FrozenTrial]) -> dict[str, float]:
    if len(trials) < ENOUGH or len({_values(trial)[0] for trial in trials}) < 2:
        return {}
    alone = optuna.create_study(direction="maximize")
    for trial in trials:
        values = {"value": _values(trial)[0], "params": trial.params, "distributions": trial.distributions}
        alone.add_trial(optuna.trial.create_trial(**values))
    found = get_param_importances(alone, evaluator=FanovaImportanceEvaluator(seed=0))
    return {name: float(value) for name, value in found.items()}


def write(folder: Path, study: optuna.Study, search: Search) -> pd.DataFrame:
    """Rows, figures, importances.csv, trials.csv, and the winner where all trials have ended; returns the trials."""
    write_rows(folder, study, search)
    with held(folder / ".report.lock"):
        table = trials_table(study, search)
        text, path = table.to_csv(index=False).encode(), folder / "trials.csv"
        if not path.is_file() or path.read_bytes() != text:  # it is written last: what it says was drawn
            important = importances(study, search.space)
            _draw(folder, table, important, search)
            write_atomically(
                folder / "importances.csv", lambda file: file.write(important.to_csv(index=False).encode())
            )
            write_atomically(path, lambda file: file.write(text))
        if not (table["state"] == "running").any():
            look(folder, table, search.objectives)
    return table


def _draw(folder: Path, trials: pd.DataFrame, important: pd.DataFrame, search: Search) -> None:
    """The figures that there is something for."""
    if not (trials["state"] == "complete").any():
        return
    save(search_history(trials, search.name), folder / "history")
    if len(search.objectives) > 1:
        cost = search.objectives[1]
        save(search_front(trials, search.name, cost=cost, label=COSTS[cost]), folder / "front")
    if not important.empty:
        save(search_importances(important, search.name), folder / "importances")


def write_rows(folder: Path, study: optuna.Study, search: Search) -> None:
    """`rows.csv`: the rows of all trials that ran here, as a study's."""
    places = Places(folder, folder)
    with held(folder / ".report.lock"):
        found = []
        for trial in counted(study):
            path = places.of(trial.user_attrs[VARIANT]["key"]) / "rows.csv"
            if path.is_file():
                with path.open(newline="") as file:
                    found += [{**row, "study": search.name} for row in csv.DictReader(file)]
        result_rows.write_rows(found, folder / "rows.csv")
