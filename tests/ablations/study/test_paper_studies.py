"""The paper's experiments as studies: rows, tasks, baselines and order; and the figures that studies name."""

import logging
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import results
from ablations.cli import main
from ablations.models.registry import card
from ablations.report.costs import known_models
from ablations.report.draw import write_figure
from ablations.study.study import FOLDERS, Study
from passt import EmbeddingSpec
from passt.catalog.checkpoints import get
from results.figures import FIGURES, PAPER
from results.reference.published import published
from results.rows.rows import task_table, write_rows
from tests.results.figures.test_figures import BASE, made, spec

PAPER_STUDIES = sorted(path.stem for path in FOLDERS[1].glob("*.yaml"))
EVENTS = ("dcase2016_task2", "maestro_5h")
M, H, L = "features", "logits", "mel"


def axes(name: str) -> list[tuple]:
    """STFT hop in samples, levels and windows of a study's models, in order."""
    specs = [model.spec for model in Study.load(name).models]
    return [(get(spec.checkpoint).hop, set(spec.levels), spec.windows_ms) for spec in specs]


@pytest.mark.parametrize("name", PAPER_STUDIES)
def test_every_study_loads_by_its_name(name):
    study = Study.load(name)
    assert study.name == name
    assert set(study.tasks) <= set(task_table().index)
    assert study.protocol == "hear2021"
    assert study.figure in FIGURES
    assert study.figure == name.split("_")[0] or study.figure not in PAPER
    assert (Path(FOLDERS[1]) / "README.md").read_text().count(f"`{name}`") == 1


def test_all_of_the_papers_figures_have_a_study():
    assert len(PAPER_STUDIES) >= 14
    assert {Study.load(name).figure for name in PAPER_STUDIES} >= set(PAPER)


BASE_AXES, BEST_AXES = (320, {M, H}, (160,)), (160, {M, L}, (160, 640))
BOTH = [BASE_AXES, BEST_AXES]


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("table1_tasks", [BASE_AXES]),
        ("fig4_embedding_level", [(320, levels, (160,)) for levels in ({L, M}, {L, M, H}, {M}, {M, H}, {H})]),
        ("fig5_receptive_field", [(320, {L, M}, windows) for windows in ((160,), (640,), (160, 640))]),
        ("fig6_embedding_level_categories", [(320, levels, (160,)) for levels in ({M}, {M, H}, {H})]),
        ("fig7_time_resolution", [(hop, {M, H}, (160,)) for hop in (320, 160, 100)]),
        ("fig8_single_models", BOTH),
        ("fig9_challenge", BOTH),
        ("fig10_tasks", BOTH),
    ],
)
def test_rows_are_the_papers(name, rows):
    assert axes(name) == rows
    assert {model.spec.weights for model in Study.load(name).models} == {"published"}


@pytest.mark.parametrize("name", [name for name in PAPER_STUDIES if re.match(r"(fig|table)\d", name)])
def test_tasks_are_the_papers(name):
    tasks = Study.load(name).tasks
    if name.startswith(("fig4", "fig5")):
        assert tasks == EVENTS
        return
    assert len(set(tasks)) == len(tasks) == 19
    kinds = [task_table().loc[task, "category"] for task in tasks]
    assert {kind: kinds.count(kind) for kind in kinds} == {"speech": 5, "music": 7, "general": 7}
    if name.startswith("fig10"):
        assert list(tasks) == list(dict.fromkeys(published(["fig10"])["task"]))


@pytest.mark.parametrize(
    ("name", "baselines"),
    [
        ("fig4_embedding_level", {"OpenL3", "wav2vec2", "Cat XWC"}),
        ("fig5_receptive_field", {"OpenL3", "wav2vec2", "Cat XWC"}),
        ("fig8_single_models", {"OpenL3", "wav2vec2", "CVSSP PANNS"}),
        (
            "fig9_challenge",
            {"OpenL3", "wav2vec2", "CVSSP PANNS", "Logitech AI SERAB BYOL-S", "RedRice EfficientNet-B2", "CREPE"}
            | {"GURA Fuse Cat H+w+C"},
        ),
        ("fig10_tasks", set()),
    ],
)
def test_baselines_are_the_papers(name, baselines):
    study = Study.load(name)
    models = set(published(study.reference)["model"])
    assert {model for model in models if "PaSST" not in model} == baselines
    ours = {model.label for model in study.models}
    assert ours <= models, "what the paper measured stands beside, under the same name"


def test_beyond_the_paper_every_level_and_window():
    levels = {model.spec.levels for model in Study.load("blocks").models}
    assert levels == {(level,) for level in card(BASE).levels if level != "mel"}
    windows = [160, 320, 640, 1280, 2560, 5120, 10000]
    timestamps, scenes = Study.load("receptive_field_timestamps"), Study.load("receptive_field_scenes")
    assert {model.spec.windows_ms for model in timestamps.models} == {(window,) for window in windows}
    longest = card(BASE).max_window_ms
    assert sorted({model.spec.scene_window_ms or longest for model in scenes.models}) == windows
    assert timestamps.tasks == EVENTS
    assert not set(scenes.tasks) & set(EVENTS)
    assert len(scenes.tasks) == 17
    crossed = {(get(model.spec.checkpoint).hop, model.spec.windows_ms) for model in Study.load("hop_and_window").models}
    assert len(crossed) == 15
    for name in ("cnn14", "mn10_as"):
        found = {model.spec.levels[0] for model in Study.load("cnn_levels").models if model.spec.checkpoint == name}
        assert set(card(name).levels) - found <= {"melstd"}


def test_a_study_names_its_figure():
    found = {"name": "mine", "models": [{"checkpoint": "logmel"}], "tasks": ["esc50"]}
    assert Study.from_dict(found).figure == "bars"
    assert Study.from_dict({**found, "figure": "heatmap"}).figure == "heatmap"
    with pytest.raises(ValueError, match="unknown figure 'pie'.*`ablate figure -h` lists all"):
        Study.from_dict({**found, "figure": "pie"})


def test_recipes_are_no_studies():
    with pytest.raises(FileNotFoundError, match="no study 'cnn_demo_first'"):
        Study.load("cnn_demo_first")


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def run_of(tmp_path):
    """Writes rows as a run of a study."""

    def write(name: str, *cells):
        folder = tmp_path / "runs" / name
        write_rows(made(*cells).to_dict("records"), folder / "rows.csv")
        return folder

    return write


def test_the_command_draws_what_the_study_names_or_what_is_asked_for(run_of, tmp_path):
    cells = [(f"w{w}", spec(windows=w), (task, "event_onset_50ms_fms"), (0.5,)) for w in (160, 640) for task in EVENTS]
    folder = run_of("receptive_field_timestamps", *cells)
    for arguments, name in (((), "figure.pdf"), (("--kind", "heatmap"), "heatmap.pdf")):
        drawn = invoke("figure", folder.name, "--runs", folder.parent, *arguments)
        assert drawn.exit_code == 0, drawn.output
        assert (folder / name).is_file()
    refused = invoke("figure", folder.name, "--runs", folder.parent, "--kind", "category_boxes", "--published")
    assert refused.exit_code == 1
    assert "--published is for figures of the paper, fig4, " in refused.stderr


def test_what_is_published_alone_needs_no_run(tmp_path):
    drawn = invoke("figure", "fig6_embedding_level_categories", "--runs", tmp_path, "--published")
    assert drawn.exit_code == 0, drawn.output
    assert Path(drawn.output.strip()) == tmp_path / "fig6_embedding_level_categories/published.png"
    assert Path(drawn.output.strip()).is_file()


def test_bars_are_drawn_where_rows_do_not_fit_the_figure(run_of, caplog):
    folder = run_of("mine", ("a", spec(), ("mine", "top1_acc"), (0.5,)))
    study = Study.from_dict(
        {"name": "mine", "models": [{"checkpoint": "logmel"}], "tasks": ["mine"], "figure": "category_boxes"}
    )
    with caplog.at_level(logging.WARNING):
        assert write_figure(folder, study, results.load(folder)).is_file()
    assert "figure category_boxes: no score of a HEAR task that can be normalized" in caplog.text


def test_what_is_known_of_models():
    cells = [(name, spec(name), ("esc50", "top1_acc"), (0.5,)) for name in (BASE, "mn10_as", "gone_since")]
    found = known_models(made(*cells)).set_index("name")
    assert list(found.index) == [BASE, "mn10_as"]
    assert found.loc[BASE, "hop_ms"] == 10
    assert found["gmacs_10s"].notna().all()
    assert EmbeddingSpec.parse(cells[0][1]).checkpoint == BASE
