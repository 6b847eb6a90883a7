"""Figures of the geometry of embeddings, by what is drawn in them."""

import itertools

import numpy as np
import pandas as pd
import pytest

from results.figures.geometry import rank_by_level, score_by_bytes, similarity_map

LEVELS = [f"block{number}" for number in range(1, 13)]


def embeddings_of(models: list[tuple[str, str, str]], task: str = "tones", draws: int = 1) -> pd.DataFrame:
    """A table of embeddings: (checkpoint, level, weights) of each."""
    rows = [
        {
            "task": task,
            "model": f"{checkpoint} {level}" + (" untrained-0" if weights != "demo" else ""),
            "spec": f"{checkpoint}@{level}@w160@smax@t50@{weights}",
            "weights": weights,
            "draws": draws,
            "rows": 50 * draws,
            "effective_rank": 10.0 + number,
            "reason": "",
        }
        for number, (checkpoint, level, weights) in enumerate(models)
    ]
    return pd.DataFrame(rows)


def pairs_of(embeddings: pd.DataFrame) -> pd.DataFrame:
    pairs = itertools.combinations(embeddings["model"], 2)
    values = [
        {"model_a": a, "model_b": b, "cka": 1 / (2 + number), "null": 0.01, "p": 0.005, "reason": ""}
        for number, (a, b) in enumerate(pairs)
    ]
    return pd.DataFrame(values).assign(task="tones", clips=50, units=50, permutations=199)


def texts(figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text")))


def test_thirty_levels_are_in_their_order_and_symmetric():
    levels = [("passt_demo", level, weights) for weights in ("demo", "untrained-0") for level in LEVELS]
    embeddings = embeddings_of([*levels, *(("cnn_demo", level, "demo") for level in LEVELS[:6])])
    figure = similarity_map(pairs_of(embeddings), embeddings, "a study")
    axes = figure.axes[0]
    (image,) = axes.get_images()
    values = np.asarray(image.get_array())
    assert values.shape == (30, 30)
    assert np.array_equal(values, values.T)
    assert (np.diagonal(values) == 1).all()
    assert values[0, 1] == 0.5
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[:2] == ["passt_demo block1", "passt_demo block2"]
    assert names[12] == "passt_demo block1 untrained-0†"
    assert [label.get_text() for label in axes.get_xticklabels()][11:14] == ["block12", "block1", "block2"]
    assert len([line for line in axes.get_lines() if line.get_color() == "white"]) == 4, "between three networks"
    width, height = figure.get_size_inches()
    assert width <= 6.01
    assert height <= 9
    assert "all 435 pairs are more alike" in texts(figure)


def test_a_space_without_a_kernel_is_named_below():
    embeddings = embeddings_of([("a", "block1", "demo"), ("a", "block2", "demo"), ("b", "block1", "demo")])
    embeddings.loc[2, "reason"] = "a singular kernel"
    pairs = pairs_of(embeddings)
    pairs.loc[pairs["model_b"] == "b block1", ["cka", "null", "p"]] = np.nan
    pairs.loc[pairs["model_b"] == "b block1", "reason"] = "a singular kernel"
    pairs.loc[0, "p"] = 0.4
    figure = similarity_map(pairs, embeddings)
    assert "Not drawn: b block1 (a singular kernel)." in texts(figure).replace("\n", " ")
    assert "0 of 1 pairs are more alike" in texts(figure).replace("\n", " ")
    with pytest.raises(ValueError, match="needs two embeddings"):
        similarity_map(pairs, embeddings.iloc[1:])


def test_a_line_a_network_along_the_levels():
    models = [("passt_demo", level, weights) for weights in ("demo", "untrained-0") for level in LEVELS]
    embeddings = embeddings_of([*models, ("logmel", "mean", "none")])
    embeddings = pd.concat([embeddings, embeddings_of(models, "beeps", draws=4)])
    figure = rank_by_level(embeddings)
    first, second = figure.axes
    drawn = [line for line in first.get_lines() if len(line.get_xdata()) == 12]
    assert len(drawn) == 2
    assert list(drawn[0].get_ydata()) == [10.0 + number for number in range(12)]
    assert [line.get_gid() for line in first.get_lines() if str(line.get_gid()).startswith("across")] == [
        "across log-mel"
    ]
    assert len(second.get_lines()) == 2
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["passt_demo", "passt_demo†", "log-mel"]
    assert "50 rows on tones, 200 rows on beeps" in texts(figure)
    with pytest.raises(ValueError, match="no model has two levels"):
        rank_by_level(embeddings_of([("passt_demo", "block1", "demo"), ("cnn_demo", "block1", "demo")]))


@pytest.mark.parametrize(("models", "entries"), [(2, 2), (12, 1)])
def test_forms_stand_at_their_bytes(models, entries):
    embeddings = embeddings_of([("passt_demo", level, "demo") for level in LEVELS[:models]])
    sizes = {"float32": 768, "pca8": 32, "pca32": 128, "int8": 192, "binary": 24}
    forms = [embeddings.assign(form=form, bytes=size, score=size / 1000, metric="acc") for form, size in sizes.items()]
    figure = score_by_bytes(pd.concat(forms))
    line = figure.axes[0].get_lines()[0]
    assert list(line.get_xdata()) == [32, 128, 768]
    assert list(line.get_ydata()) == [0.032, 0.128, 0.768]
    marks = {
        mark.get_marker(): mark.get_xdata()[0] for mark in figure.axes[0].get_lines() if len(mark.get_xdata()) == 1
    }
    assert marks == {"o": 768, "s": 192, "^": 24}
    assert len(figure.legends[0].get_texts()) == entries + 3, "many models share the color of their network"
