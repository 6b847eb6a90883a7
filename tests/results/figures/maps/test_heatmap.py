"""Heat maps of many models."""

import seaborn.matrix

from results.figures.maps.heatmap import heatmap
from tests.results.tables.test_compose import crossed


def test_no_label_is_compared_with_every_other_one(monkeypatch):
    """That takes 0.7 GB for 200 models, and 6.7 GB for 500."""
    compared: list[int] = []

    def overlap(labels) -> bool:
        compared.append(len(labels))
        return False

    monkeypatch.setattr(seaborn.matrix, "axis_ticklabels_overlap", overlap)
    figure = heatmap(crossed(models=tuple(f"model {number}" for number in range(30)), folds=1, seeds=1))
    assert not any(compared)
    assert len(figure.axes[0].get_yticklabels()) == 30
