"""The campaign of growth at small sizes, and what commands read and test of many models."""

import itertools
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.cli.results import compare as command
from ablations.runs.run import run_study
from ablations.store.listing import store_table
from ablations.study.study import Study
from ablations.system.compute import Machine
from downstream.store import index
from results.rows.rows import read_rows
from results.statistics import versus
from tests.campaigns import growth, growth_store
from tests.campaigns.growth_figure import APART, growth_figure
from tests.campaigns.growth_study import Place, declare, make_jobs

MODELS = 20


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The folder of a made-up run of three tasks."""
    place = Place(tmp_path_factory.mktemp("growth"))
    declare(place, MODELS, place.where.tasks, seeds=(0,))
    make_jobs(place)
    return run_study(Study.load(place.study), place.where, Machine("cpu")).folder


def invoke(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_made_up_run_is_whole(run):
    rows = read_rows(run)
    assert rows[["model", "task"]].drop_duplicates().shape[0] == 3 * MODELS
    assert rows["score"].notna().all()
    assert "no faults" in invoke("store", "check", "--store", run.parents[1] / "store", "--runs", run)


def test_comparing_one_model_with_others_reads_each_of_their_jobs_once_or_twice(run, monkeypatch):
    read = Counter()
    true = versus.read_clips
    monkeypatch.setattr(versus, "read_clips", lambda folder, job: read.update([job]) or true(folder, job))
    first, *others = read_rows(run)["model"].unique()
    table = versus.comparisons(run, [(first, other) for other in others], resamples=99)
    assert len(table) == 3 * len(others)
    assert len(read) == 3 * MODELS
    assert max(read.values()) <= 2


def test_tests_over_tasks_are_bounded_and_the_text_says_so(run, monkeypatch):
    pairs = MODELS * (MODELS - 1) // 2
    assert "more than the" not in invoke("compare", run)
    monkeypatch.setattr(command, "MOST_PAIRS", 100)
    text = invoke("compare", run)
    assert f"No test over tasks: {MODELS} models make {pairs} pairs, more than the 100 that are shown" in text
    assert "Over tasks, Wilcoxon" not in text
    model, *others = read_rows(run)["model"].unique()[:4]
    assert "Over tasks, Wilcoxon" in invoke("compare", run, model, *others)


def test_an_index_that_embedders_share_is_parsed_once(tmp_path, monkeypatch):
    growth_store.make(tmp_path, 3 * growth_store.FOLDERS_A_MODEL)
    index._parsed.cache_clear()
    parsed = Counter()
    true = index.load_arrays
    monkeypatch.setattr(index, "load_arrays", lambda *one, **more: parsed.update(["index"]) or true(*one, **more))
    table = store_table(tmp_path)
    assert len(table) == 3 * growth_store.FOLDERS_A_MODEL
    assert set(table["state"]) == {"complete"}
    assert set(table["items"]) == {growth_store.CLIPS}
    assert parsed["index"] == 2, "one of scenes and one of timestamps"


def test_growth_tells_a_linear_cost_from_a_quadratic_one():
    sizes = (60, 180, 500)
    rows = [{"of": "models", "what": "linear", "size": n, "cpu_s": 0.3 + n / 100} for n in sizes]
    rows += [{"of": "models", "what": "quadratic", "size": n, "cpu_s": 0.3 + (n / 100) ** 2} for n in sizes]
    linear, quadratic = growth._growth(rows)
    assert linear["ratio"] == pytest.approx(1, abs=0.01)
    assert quadratic["ratio"] == pytest.approx(quadratic["quadratic"], abs=0.01)


def test_the_figure_has_a_line_for_each_command_that_takes_long():
    times = {"quick": (0.1, 0.2), "slow": (1.0, 4.0), "slower": (1.0, 4.1), "steady": (2.0, 2.0)}
    rows = pd.DataFrame(
        [
            {"of": of, "what": f"ablate {what}", "size": size, "cpu_s": cpu_s}
            for of in ("models", "folders")
            for what, of_size in times.items()
            for size, cpu_s in zip((10, 40), of_size, strict=True)
        ]
    )
    panels = growth_figure(rows).axes
    assert [panel.get_xlabel() for panel in panels] == ["models", "folders of the store"]
    for panel in panels:
        assert [text.get_text() for text in panel.texts] == ["steady", "slow", "slower"]
        heights = [text.get_position()[1] for text in panel.texts]
        assert all(upper - lower > 0.99 * APART for lower, upper in itertools.pairwise(heights))
