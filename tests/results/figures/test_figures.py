"""What figures draw of small tables of rows: bars, points, bands, labels, order, notes."""

import errno
import math

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure

from results import figures
from results.figures.canvas.style import PAGE
from results.reference.published import published
from results.rows import rows
from results.scores.labels import UNTRAINED_NOTE
from results.scores.scores import scores
from tests.results.rows.test_rows import all_texts, job

BASE = "passt_s_swa_p16_128_ap476"
FINE = "passt_s_swa_f128_stfthop160_p16_s10_ap473"
MODELS = pd.DataFrame(
    {
        "name": [BASE, FINE, "mn04_as", "mn10_as", "logmel"],
        "hop_ms": [10.0, 5.0, 10.0, 10.0, math.nan],
        "max_window_ms": [10000, 10000, 10000, 10000, None],
        "parameters": [86e6, 86e6, 1e6, 5e6, 0],
        "gmacs_10s": [117.0, 234.0, 0.1, 0.5, 0.0],
    }
)
EVENTS, SCENES = ("dcase2016_task2", "event_onset_200ms_fms"), ("esc50", "top1_acc")


def made(*cells) -> pd.DataFrame:
    """Rows of (model, spec, (task, metric), scores of folds); the weights are the spec's last part."""
    found = []
    for model, spec, (task, metric), values in cells:
        weights = spec.split("@")[-1]
        identity = {"study": "s", "model": model, "family": spec.split("_")[0], "spec": spec, "weights": weights}
        found += rows.rows_of(job(metric, *values), {**identity, "task": task})
    return pd.DataFrame(found, columns=rows.COLUMNS)


def spec(checkpoint=BASE, levels="features", windows="160", scene="max", weights="published") -> str:
    return f"{checkpoint}@{levels}@w{windows}@s{scene}@t50@{weights}"


def heights(axes) -> list[float]:
    return [bar.get_height() for bar in axes.patches]


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def notes_of(figure) -> str:
    """The lines below the panels."""
    return "\n".join(text.get_text() for text in figure.texts if text.get_gid() == "notes")


def laid_out(figure) -> None:
    """Lay a figure out as saving does."""
    for _ in range(2):
        figure.draw_without_rendering()


def test_grouped_bars():
    figure = figures.grouped_bars(
        made(
            ("a", spec(), EVENTS, (0.5, 0.7)),
            ("a", spec(), SCENES, (0.4,)),
            ("b", spec(weights="untrained-0"), EVENTS, (0.25,)),
            ("b", spec(weights="untrained-0"), SCENES, (math.nan,)),
        ),
        "title",
    )
    (axes,) = figure.axes
    assert heights(axes) == pytest.approx([0.6, 0.4, 0.25])
    assert legend(figure) == ["a", "b†"]
    assert figure.legends[0].get_title().get_text() == "title"
    assert [bar.get_hatch() is not None for bar in axes.patches] == [False, False, True]
    texts = all_texts(figure)
    assert {
        "0.600",
        "0.400",
        "0.250",
        "not defined",
        "DCASE 2016 Task 2\nevent_onset_200ms_fms",
        "ESC-50\ntop1_acc",
    } <= texts
    assert UNTRAINED_NOTE in notes_of(figure).replace("\n", " ")
    first, second = (bar.get_x() + bar.get_width() / 2 for bar in axes.patches[:2])
    assert round(first) == 0
    assert round(second) == 1


def test_what_was_not_measured_is_visibly_missing():
    figure = figures.grouped_bars(
        made(("a", spec(), EVENTS, (0.5,)), ("a", spec(), SCENES, (0.5,)), ("b", spec(), EVENTS, (0.5,)))
    )
    (mark,) = [text for text in figure.axes[0].texts if text.get_text() == "–"]
    assert round(mark.xy[0]) == 1
    assert mark.xy[0] > 1, "the second model's place"


def test_many_tasks_are_grouped_by_category():
    tasks = ["esc50", "crema_d", "beijing_opera", "gunshot", "libricount"]
    figure = figures.grouped_bars(made(*(("a", spec(), (task, "top1_acc"), (0.5,)) for task in tasks)))
    names = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert names == ["ESC-50", "Gunshot Triangulation", "CREMA-D", "LibriCount", "Beijing Opera Percussion"]
    assert {"general", "speech", "music"} <= all_texts(figure)


def test_published_scores_beside_measured_ones_have_their_models_color_lighter_and_dotted():
    ours = made(("PaSST L+M", spec(), EVENTS, (0.8, 0.9)))
    (axes,) = figures.grouped_bars(pd.concat([ours, published(["fig5:PaSST L+M", "fig5:OpenL3"])])).axes
    own, theirs, other = axes.patches
    assert (own.get_hatch(), theirs.get_hatch()) == (None, ".....")
    assert heights(axes) == pytest.approx([0.85, 0.852, 0.833])
    by_height = {round(bar.get_height(), 3): mpl.colors.rgb_to_hsv(bar.get_facecolor()[:3])[0] for bar in axes.patches}
    assert by_height[0.85] == pytest.approx(by_height[0.852], abs=0.02)
    assert by_height[0.85] != pytest.approx(by_height[0.833], abs=0.02)
    assert other.get_hatch() == "....."


def test_box_statistics_are_of_normalized_scores():
    found = made(*(("a", spec(), (task, "top1_acc"), (0.3,)) for task in ("crema_d", "libricount", "esc50")))
    (box,) = figures.boxes.box_statistics(scores(found)).query("category == 'speech'").itertuples()
    assert box.count == 2
    assert box.mean == pytest.approx((0.3 / 0.752084637 + 0.3 / 0.785314691) / 2, abs=1e-9)
    figure = figures.category_boxes(found)
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["speech (2 tasks)", "general (1 task)"]


def test_boxes_want_tasks_of_hear():
    with pytest.raises(ValueError, match="no score of a HEAR task that can be normalized: not a task of the challenge"):
        figures.category_boxes(made(("a", spec(), ("mine", "top1_acc"), (0.5,))))


def test_the_heat_map_of_levels():
    cells = [
        (f"m {level}", spec(levels=level), task, (score,))
        for level, scores in (("block1", (0.2, 0.8)), ("block2", (0.4, 0.6)))
        for task, score in zip((SCENES, EVENTS), scores, strict=True)
    ]
    figure = figures.heatmap(made(*cells, ("m features", spec(levels="features"), SCENES, (0.3,))), "title")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["block1", "block2", "features"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["ESC-50", "DCASE 2016 Task 2"]
    shares = axes.collections[0].get_array().reshape(3, 2)
    assert shares[:2].tolist() == [[0.5, 1.0], [1.0, pytest.approx(0.75)]]
    written = {text.get_text(): text.get_fontweight() for text in axes.texts}
    assert written == {
        "0.200": "normal",
        "0.800": "bold",
        "0.400": "bold",
        "0.600": "normal",
        "0.300": "normal",
        "–": "normal",
    }


@pytest.mark.parametrize(("tasks", "written"), [(9, {"0.500", "0.250"}), (19, {".500", ".250"}), (25, {".50", ".25"})])
def test_many_tasks_have_values_of_fewer_letters(tasks, written):
    scores = [0.25, *[0.5] * (tasks - 1)]
    cells = [("a", spec(), (f"task{i}", "top1_acc"), (score,)) for i, score in enumerate(scores)]
    figure = figures.heatmap(made(*cells))
    assert {text.get_text() for text in figure.axes[0].texts} == written
    assert figure.get_figwidth() <= PAGE


def test_a_heat_map_of_more_models_than_fit_a_page_names_all():
    models = [(f"m{number}", spec(levels=f"block{number}"), SCENES, (number / 200,)) for number in range(130)]
    (axes, _) = figures.heatmap(made(*models)).axes
    assert len(axes.get_yticklabels()) == len(set(map(str, axes.get_yticklabels()))) == 130


def test_the_best_of_an_error_rate_is_the_lowest():
    task = ("mine", "segment_1s_er")
    figure = figures.heatmap(made(("a", spec(), task, (0.5,)), ("b", spec(levels="logits"), task, (1.0,))))
    assert {text.get_text(): text.get_fontweight() for text in figure.axes[0].texts} == {
        "0.500": "bold",
        "1.000": "normal",
    }


def test_a_figure_is_saved_for_papers_and_screens(tmp_path):
    drawn = figures.grouped_bars(made(("a", spec(), SCENES, (0.5,))))
    assert figures.save(drawn, tmp_path / "figure") == tmp_path / "figure.png"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.pdf", "figure.png"]


@pytest.mark.parametrize("name", [name for name in figures.FIGURES if name not in figures.PAPER])
def test_no_rows_are_no_figure(name):
    with pytest.raises(ValueError, match="no rows to draw"):
        figures.FIGURES[name](made(("a", spec(), SCENES, (0.5,))).iloc[:0], None, MODELS)


@pytest.mark.parametrize("kind", ["pdf", "png"])
def test_earlier_figures_stay_if_a_new_one_cannot_be_written(tmp_path, monkeypatch, kind):
    for name in ("figure.pdf", "figure.png"):
        (tmp_path / name).write_text("before")

    def full(self, file, format, **options):
        file.write(b"half")
        if format == kind:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(OSError, match=f"No space left on device: '.*figure.{kind}'"):
        figures.save(Figure(), tmp_path / "figure")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.pdf", "figure.png"]
    assert {path.read_text() for path in tmp_path.iterdir()} == {"before"}
