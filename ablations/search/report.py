"""Write what a search leaves behind: trials, rows, figures, importances, the winner."""

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
from ablations.search.storage import REASON, Content, counted
from ablations.search.trial import trial_folder
from ablations.search.winner import look
from downstream.disk.files import write_atomically
from downstream.disk.locks import held
from passt.catalog.spec import EmbeddingSpec, field_names
from results.figures import save
from results.figures.cost import on_front
from results.figures.search import marked, search_front, search_history, search_importances
from results.rows import rows as result_rows
from results.tables.escapes import markdown_table

STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
ENOUGH = 5  # number of complete trials that importances need
SHOWN = 10  # number of trials that a terminal shows


def trials_table(study: optuna.Study, search: Search) -> pd.DataFrame:
    """The trials that count, one row each, in their order, without test scores.

    Columns: trial (number), state (complete, pruned, failed, running), score (validation; for a pruned trial, that of
    its folds), the cost if the search has one, front (whether no complete trial is better in all objectives), folds (of
    a pruned trial), label, spec, protocol, the spec's fields, seconds, variant (its folder below trials/), reason.
    """
    table = pd.DataFrame([_row(trial, search) for trial in counted(study)], columns=_columns(search))
    complete = table[table["state"] == "complete"]
    costs = complete[search.objectives[1]] if len(search.objectives) > 1 else 0.0
    among = pd.DataFrame({"score": complete["score"], "cost": costs})
    table["front"] = False
    table.loc[complete.index, "front"] = [on_front(row.cost, row.score, among) for row in among.itertuples()]
    return table


def _columns(search: Search) -> list[str]:
    described = ["label", "spec", "protocol", *field_names(), "seconds", "variant", "reason"]
    return ["trial", "state", *search.objectives, "front", "folds", *described]


def _row(trial: FrozenTrial, search: Search) -> dict[str, Any]:
    content = Content.of(trial)
    values = dict(zip(search.objectives, _values(trial), strict=False))
    steps = sorted(trial.intermediate_values)
    if trial.state == TrialState.PRUNED:
        values = {SCORE: trial.intermediate_values[steps[-1]]}
    spec = EmbeddingSpec.parse(content.spec)
    return {
        "trial": trial.number,
        "state": STATES.get(trial.state, "running"),
        **values,
        "folds": steps[-1] if trial.state == TrialState.PRUNED else None,
        "label": content.label,
        "spec": content.spec,
        "protocol": content.protocol,
        **{name: getattr(spec, name) for name in field_names()},
        "seconds": trial.duration.total_seconds() if trial.duration else None,
        "variant": content.key,
        "reason": trial.user_attrs.get(REASON, ""),
    }


def _values(trial: FrozenTrial) -> list[float]:
    """The values of its objectives in order; none for a trial that is not complete."""
    return list(trial.values or ())  # noqa: PD011


def importances(study: optuna.Study, space: Space) -> pd.DataFrame:
    """How much of the variance of the score each parameter explains, by fANOVA.

    Only complete trials count. If the space has several blocks, their parameters explain the variance within their
    block, and `space` is what the choice of the block explains. Parameters that not all trials have (a second level)
    are left out.

    Returns:
        Columns parameter and importance; empty if there are too few trials.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    shares = _importances(complete)
    if len(space.blocks) > 1:
        for name in space.names:
            within = _importances([trial for trial in complete if trial.params[BLOCK] == name])
            shares |= {parameter: value for parameter, value in within.items() if parameter != BLOCK}
    return pd.DataFrame({"parameter": list(shares), "importance": list(shares.values())})


def _importances(trials: Sequence[FrozenTrial]) -> dict[str, float]:
    if len(trials) < ENOUGH or len({_values(trial)[0] for trial in trials}) < 2:
        return {}
    subset = optuna.create_study(direction="maximize")
    for trial in trials:
        values = {"value": _values(trial)[0], "params": trial.params, "distributions": trial.distributions}
        subset.add_trial(optuna.trial.create_trial(**values))
    shares = get_param_importances(subset, evaluator=FanovaImportanceEvaluator(seed=0))
    return {name: float(value) for name, value in shares.items()}


def write(folder: Path, study: optuna.Study, search: Search) -> pd.DataFrame:
    """Write the files of a search, and return the table of trials.

    The winner is noted if all trials have ended.
    """
    write_rows(folder, study, search)
    with held(folder / ".report.lock"):
        table = trials_table(study, search)
        text, path = table.to_csv(index=False).encode(), folder / "trials.csv"
        if not path.is_file() or path.read_bytes() != text:  # it is written last, after the figures of its trials
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
    """Draw the figures that the trials allow."""
    if not (trials["state"] == "complete").any():
        return
    save(search_history(trials, search.name), folder / "history")
    if len(search.objectives) > 1:
        cost = search.objectives[1]
        save(search_front(trials, search.name, cost=cost, label=COSTS[cost].description), folder / "front")
    if not important.empty:
        save(search_importances(important, search.name), folder / "importances")


def write_rows(folder: Path, study: optuna.Study, search: Search) -> None:
    """Write `rows.csv`: the rows of all trials that ran in this folder, as those of one study."""
    with held(folder / ".report.lock"):
        rows: list[dict[str, Any]] = []
        for trial in counted(study):
            path = trial_folder(folder, Content.of(trial).key) / "rows.csv"
            if path.is_file():
                with path.open(newline="") as file:
                    rows += [{**row, "study": search.name} for row in csv.DictReader(file)]
        result_rows.write_rows(rows, folder / "rows.csv")


def best_trials(trials: pd.DataFrame, search: Search) -> str:
    """The best complete trials as a table for a terminal; "" if none is complete.

    Trials on the front come first.
    """
    complete = trials[trials["state"] == "complete"].sort_values("score", ascending=False, kind="stable")
    if complete.empty:
        return ""
    columns = ["trial", *search.objectives, "label", "protocol"]
    if len(search.objectives) > 1:
        complete = complete.sort_values("front", ascending=False, kind="stable")
        columns.insert(-2, "front")
    complete = complete.assign(label=marked(complete))
    return markdown_table(complete[columns].head(SHOWN), index=False, floatfmt=".4g")
