"""The sheet: figures that show themselves, formats of files, lines that fit."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib import figure as mpl_figure
from matplotlib import pyplot
from PIL import Image

from results import figures
from results.figures.canvas.sheet import FORMATS, Figure, folded, letters_width, wrapped
from results.figures.canvas.ticks import NumberScale, spaced
from tests.results.figures.test_figures import SCENES, made, spec


def test_every_figure_shows_itself(monkeypatch):
    rows = made(("a", spec(), SCENES, (0.5,)))
    assert isinstance(figures.figure(rows), Figure)
    monkeypatch.setitem(figures.FIGURES, "mine", lambda *arguments: mpl_figure.Figure())
    assert figures.figure(rows, "mine")._repr_png_().startswith(b"\x89PNG")


def test_a_notebook_keeps_a_small_picture_that_looks_the_same(tmp_path):
    shown, saved = (figures.PAPER["fig5"]() for _ in range(2))
    picture, path = shown._repr_png_(), tmp_path / "fig5.png"
    saved.savefig(path, dpi=FORMATS["png"])
    assert len(picture) < 0.5 * path.stat().st_size
    of_notebook, of_file = (np.asarray(Image.open(file).convert("RGB"), int) for file in (io.BytesIO(picture), path))
    assert abs(of_notebook - of_file).max() <= 4  # of 255


def test_pyplot_knows_no_figure():
    before = pyplot.get_fignums()
    assert figures.PAPER["fig5"]()._repr_png_()
    assert pyplot.get_fignums() == before


@pytest.mark.parametrize("formats", [("png",), ("svg",), ("pdf",), ("pdf", "svg", "png")])
def test_formats_of_files(tmp_path, formats):
    drawn = figures.bars(made(("a", spec(), SCENES, (0.5,))))
    assert figures.save(drawn, tmp_path / "a.b", formats) == tmp_path / f"a.b.{formats[-1]}"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"a.b.{name}" for name in formats)


def test_a_suffix_names_the_format(tmp_path):
    drawn = figures.bars(made(("a", spec(), SCENES, (0.5,))))
    assert figures.save(drawn, tmp_path / "a.svg") == tmp_path / "a.svg"
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match="a figure's format must be one of png, pdf, svg, got jpg"):
        figures.save(Figure(), tmp_path / "a", ("png", "jpg"))
    assert list(tmp_path.iterdir()) == []


def test_lines_fit():
    text = "A sentence of several words that is longer than a column of a paper is wide, by far."
    lines = wrapped([text, "Short."], 6.5, 2)
    assert " ".join(lines) == f"{text} Short."
    assert all(letters_width(line, 6.5) <= 144 for line in lines)
    assert folded("event_onset_offset_50ms", 7, 60).replace("\n", "") == "event_onset_offset_50ms"
    assert folded("short", 7, 60) == "short"


def test_ticks_do_not_touch():
    assert spaced([0, 0.01, 0.5, 0.99, 1], list("abcde"), 100) == [0, 2, 4]
    assert spaced([], [], 100) == []
    places = NumberScale(pd.Series([160, 640, float("inf"), float("nan")])).places
    assert list(places) == [160, 640, float("inf")]
    assert 640 < places[float("inf")] < 6400
