"""An unknown name is answered with the closest ones and what lists all of them, never with a long list."""

from pathlib import Path

import pandas as pd
import pytest

from ablations.models import registry
from ablations.models.catalog import models_table
from ablations.report.compare import compared
from ablations.search.declared import Search
from ablations.study.study import Study
from ablations.tasks import archives, names
from downstream.disk.choices import MOST_LISTED
from downstream.disk.choices import choices as downstream_choices
from downstream.disk.fields import choice
from downstream.scores import metrics
from passt.catalog import checkpoints
from passt.catalog.choices import choices as passt_choices
from passt.hear import load_model
from results import figures
from results.reference.published import published
from results.rows.choices import choices as results_choices
from results.rows.rows import task_table, write_rows
from results.statistics import ranks
from tests.results.scores.test_records import ROWS

MANY = [f"model {number}" for number in range(60)]
STUDY = {"name": "x", "models": [{"checkpoint": "logmel"}], "tasks": ["esc50"]}


def run_of_many(place: Path) -> Path:
    """A run of 60 models."""
    rows = [ROWS.iloc[:1].assign(model=model, spec=model) for model in MANY]
    write_rows(pd.concat(rows).to_dict("records"), place / "rows.csv")
    return place


def scores_of_many() -> pd.DataFrame:
    return pd.DataFrame({"model": MANY, "task": "esc50", "metric": "top1_acc", "mean": 0.5})


CASES = {
    "a checkpoint": (lambda place: registry.card("passt_demoo"), "did you mean 'passt_demo'", "`ablate models`"),
    "a checkpoint of PaSST": (lambda place: checkpoints.get("stfthop161"), "'stfthop160'", "`ablate models`"),
    "a model of a listing": (lambda place: models_table(["MN10_AS_"]), "'mn10_as", "`ablate models`"),
    "a spec of passt.hear": (lambda place: load_model(spec="2levle-mel"), "'2level-mel'", "`ablate models`"),
    "a level": (
        lambda place: registry.resolve("passt_demo@block19"),
        "'block1'",
        "`ablate models passt_demo`",
    ),
    "a study": (lambda place: Study.load("quikstart"), "did you mean 'quickstart'", "`ablate studies`"),
    "a search": (lambda place: Search.load("quick_serch"), "did you mean 'quick_search'?", "quick_search"),
    "a figure of a study": (
        lambda place: Study.from_dict({**STUDY, "figure": "along_levels"}),
        "did you mean 'along_level'",
        "`ablate figure -h`",
    ),
    "a figure": (lambda place: figures.figure(ROWS, "along_levels"), "'along_level'", "`ablate figure -h`"),
    "a task": (
        lambda place: names.folders("esc5", place, place, place),
        "did you mean 'esc50'",
        "`ablate tasks`",
    ),
    "an archive": (lambda place: archives.archives("esc5"), "did you mean 'esc50'", "`ablate tasks`"),
    "a set of references": (lambda place: published(["leadrboard"]), "did you mean 'leaderboard'?", "fig5"),
    "a model of a set": (lambda place: published(["leaderboard:pastt"]), "", "`ablate reference leaderboard`"),
    "a metric": (lambda place: metrics.get("top1_ac"), "did you mean 'top1_acc'", "mAP"),
    "a model of a run": (
        lambda place: compared(run_of_many(place), [("model 61", "model 1")]),
        "did you mean 'model 6'",
        "`ablate table ",
    ),
    "a model of scores": (
        lambda place: ranks.pairwise_wilcoxon(scores_of_many(), against="model 61"),
        "did you mean 'model 6'",
        "`ablate table`",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_unknown_name_is_answered_shortly(case, tmp_path):
    call, hint, lister = CASES[case]
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        call(tmp_path)
    message = str(error.value)
    assert hint in message
    assert lister in message
    known = [*task_table().index, *models_table()["name"], *figures.FIGURES, *MANY, *registry.card("passt_demo").levels]
    assert sum(f"{name}," in message for name in known) <= MOST_LISTED
    assert len(message) < 400


@pytest.mark.parametrize("choices", [passt_choices, downstream_choices, results_choices])
def test_the_tail_of_the_message(choices):
    assert choices("seed", ["seeds", "tasks"]) == " (did you mean 'seeds'?); expected one of seeds, tasks"
    assert choices("x", ["seeds", "tasks"]) == "; expected one of seeds, tasks"
    assert choices("MODEL-59", ["Model_59", *MANY], listed_by="it") == (" (did you mean 'Model_59'?); it lists all 61")
    assert choices("fig5", ["fig5_field", *MANY]) == " (did you mean 'fig5_field'?)"
    assert choices("x", MANY) == ", none of 60"


def test_a_long_choice_is_not_repeated():
    with pytest.raises(ValueError, match="unknown model 'model 61' .did you mean 'model 6'.*; it lists all 60"):
        choice("model 61", "model", MANY, "it")
    with pytest.raises(ValueError, match=r"model must be a known name, got \['x'\]"):
        choice(["x"], "model", MANY)
