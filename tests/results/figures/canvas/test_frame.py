"""The keywords that all figures share, chance as a line, what notes say, many tasks on one page."""

import math

import pandas as pd
import pytest
from matplotlib.figure import Figure

from results import figures
from results.figures.canvas.frame import spread_note
from results.figures.canvas.style import PAGE
from results.reference.published import published
from results.rows.rows import task_table
from results.scores.labels import terms
from results.scores.scores import scores
from tests.results.figures.test_comparisons import costed
from tests.results.figures.test_figures import EVENTS, MODELS, SCENES, laid_out, legend, made, notes_of, spec
from tests.results.rows.test_rows import all_texts

ONE_PANEL = ("bars", "grouped_bars", "category_boxes", "along_level", "heatmap", "pareto")
TASKS = [(task, line.primary_metric) for task, line in task_table().iterrows()]
MANY = (*ONE_PANEL[:5], "overview")


def rows_of(tasks=(SCENES,), seed_scores=(0.5, 0.6)) -> pd.DataFrame:
    """Rows of two networks at two levels each, one untrained, and of chance."""
    cells = [
        (f"{c} {level}{weights}", spec(c, level, weights=weights), task, seed_scores)
        for c, weights in (("passt_demo", "demo"), ("passt_demo", "untrained-0"), ("mn04_as", "published"))
        for level in ("block1", "logits")
        for task in tasks
    ]
    return made(*cells, *(("chance", spec("chance", "constant", weights="none"), task, (0.1,)) for task in tasks))


def models_of(rows: pd.DataFrame) -> pd.DataFrame:
    known = pd.DataFrame({"spec": rows["spec"].unique()}).assign(name=lambda table: table["spec"].str.split("@").str[0])
    costs = {"parameters": 1e6, "gmacs_scenes_10s": range(1, len(known) + 1), "gmacs_timestamps_10s": 1.0}
    return known.assign(**costs, hop_ms=10.0, max_window_ms=10000)


@pytest.mark.parametrize("kind", [*ONE_PANEL, "overview"])
def test_all_figures_have_notes_a_statement_and_an_order(kind):
    rows = rows_of()
    draw = {"title": "title", "models": models_of(rows)}
    whole = figures.figure(rows, kind, **draw)
    bare = figures.figure(rows, kind, **draw, notes=False)
    assert notes_of(bare) == ""
    assert bare.get_figheight() < whole.get_figheight()
    stated = figures.figure(rows, kind, **draw, statement="This is so.")
    assert "This is so." in {text.get_text() for text in stated.texts}
    part = figures.figure(rows, kind, **draw, order=["mn04_as"])
    assert not any("passt_demo" in text for text in all_texts(part))
    with pytest.raises(ValueError, match="order names 'mn4_as', which is no model of these rows"):
        figures.figure(rows, kind, **draw, order=["mn4_as"])
    with pytest.raises(ValueError, match="order is empty"):
        figures.figure(rows, kind, **draw, order=[])


@pytest.mark.parametrize("kind", ONE_PANEL)
def test_one_panel_is_drawn_in_the_callers_figure(kind):
    rows, figure = rows_of(), Figure()
    ax, other = figure.subplots(1, 2)
    assert figures.figure(rows, kind, "title", models_of(rows), ax=ax) is figure
    assert ax.has_data()
    assert not other.has_data()
    assert figure.texts == []
    with pytest.raises(ValueError, match="statement stands below a whole figure"):
        figures.figure(rows, kind, None, models_of(rows), ax=other, statement="This is so.")


@pytest.mark.parametrize("kind", ["bars", "along_level"])
def test_several_panels_are_not_drawn_in_one(kind):
    with pytest.raises(ValueError, match="ax is one panel, and 2 tasks have one each; select the rows of one task"):
        figures.figure(rows_of((SCENES, EVENTS)), kind, None, MODELS, ax=Figure().subplots())


@pytest.mark.parametrize("kind", [*ONE_PANEL, "overview"])
def test_chance_is_a_line(kind):
    rows = rows_of()
    figure = figures.figure(rows, kind, None, models_of(rows))
    if kind == "heatmap":
        return  # a table: chance has a row
    lines = [line for axes in figure.axes for line in axes.lines if line.get_gid() in ("chance", "across chance")]
    assert len(lines) == 1
    along = {"bars": lines[0].get_xdata()}.get(kind, lines[0].get_ydata())
    assert set(along) == {0.1 if kind not in ("category_boxes", "pareto") else along[0]}
    assert "chance" in all_texts(figure)
    if kind in ("bars", "grouped_bars"):
        assert len(figure.axes[0].patches) == 6, "no bar is of chance"


@pytest.mark.parametrize("kind", MANY)
def test_19_tasks_are_readable_on_one_page(kind):
    rows = rows_of(TASKS)
    figure = figures.figure(rows[rows["model"].str.contains("demo|chance")], kind, "19 tasks", MODELS)
    laid_out(figure)
    assert figure.get_figwidth() <= PAGE
    assert figure.get_figheight() <= 10.5
    sizes = {
        text.get_fontsize()
        for text in figure.findobj(lambda artist: hasattr(artist, "get_fontsize"))
        if text.get_text()
    }
    assert min(sizes) >= 5
    titles = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
    assert not any(one.overlaps(other) for i, one in enumerate(titles) for other in titles[i + 1 :])


def test_error_bars_are_said():
    def said(*cells):
        return spread_note(scores(made(*cells)))

    folds, alone = ("a", spec(), SCENES, (0.5, 0.6)), ("a", spec(), EVENTS, (0.5,))
    assert said(folds) == ["Error bars: standard deviation over folds."]
    assert said(folds, alone) == [
        "Error bars: standard deviation over folds; none on DCASE 2016 Task 2, of one fold and seed."
    ]
    assert said(alone) == []
    seeds = pd.concat([made(alone).assign(seed=seed, score=0.5 + seed / 10, job=str(seed)) for seed in (0, 1)])
    assert spread_note(scores(seeds)) == ["Error bars: standard deviation over seeds."]
    both = pd.concat([made(folds), seeds])
    assert spread_note(scores(both)) == [
        "Error bars: standard deviation over folds on ESC-50 and over seeds on DCASE 2016 Task 2."
    ]
    read_off = spread_note(scores(published(["fig5"])))
    assert read_off == ["Error bars: of values read off a figure, how exactly they could be read."]


@pytest.mark.parametrize("kind", [*ONE_PANEL[:3], "along_level", "heatmap", "overview"])
def test_nan_stands_in_no_figure(kind):
    rows = rows_of((SCENES, ("fsd50k", "mAP")))
    rows.loc[(rows["model"] == "mn04_as logitspublished") & (rows["task"] == "esc50"), "score"] = math.nan
    texts = all_texts(figures.figure(rows, kind, None, MODELS))
    assert not any("nan" in text.replace("Mandarin", "") for text in texts)
    if kind in ("bars", "grouped_bars"):
        assert "not defined" in texts
    if kind == "heatmap":
        assert "n.d." in texts
        assert any("n.d., not defined: " in text for text in texts)


def test_the_papers_terms_are_explained():
    assert terms(["PaSST L+M 2RF hop 5", "mine"]) == [
        "L: mel spectrogram around the timestamp; M: classification and distillation tokens; 2RF: receptive fields of "
        "160 and 640 ms."
    ]
    assert terms(["PaSST H hop=10"]) == ["H: logits."]
    assert terms(["H", "GURA Cat H+w+C", "mine"]) == []
    rows = made(("PaSST L+M", spec(), SCENES, (0.5,)))
    assert "L: mel spectrogram" in notes_of(figures.bars(rows)).replace("\n", " ")
    assert legend(figures.grouped_bars(rows)) == ["PaSST L+M"]


def test_costs_are_needed_for_pareto_alone():
    rows = rows_of()
    assert figures.figure(rows, "pareto", None, costed(rows[rows["spec"].str.startswith("mn04")])).axes
