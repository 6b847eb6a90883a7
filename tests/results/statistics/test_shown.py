"""Statistics as a notebook shows them."""

import numpy as np
import pandas as pd

from results.statistics.ranks import ranking
from results.statistics.shown import Comparisons


def test_comparisons_show_what_matters():
    lines = {
        **{"a": ["x", "x"], "b": ["<y>", "z"], "task": "esc50", "metric": "top1_acc", "difference": [0.1234, np.nan]},
        **{"low": [0.05, np.nan], "high": [0.2, np.nan], "p_holm": [0.0123, np.nan]},
        **{"verdict": ["differ", "not compared"], "reason": ["", "no predictions"]},
    }
    table = pd.DataFrame(lines)
    table.attrs["confidence"] = 0.9
    shown = Comparisons.of(table)
    text = shown._repr_html_()
    assert "+0.123" in text
    assert "[+0.050, +0.200]" in text
    assert "not compared" in text
    assert "<y>" not in text
    assert "nan" not in text.lower()
    assert shown.attrs == {"confidence": 0.9}
    assert "_repr_html_" in dir(shown[shown["verdict"] == "differ"])  # a plain frame, which shows itself


def test_a_ranking_shows_ranks_and_test():
    cells = [(f"m{j}", f"t{i}", "top1_acc", 0.1 * j + 0.001 * i * j) for i in range(9) for j in range(3)]
    text = ranking(pd.DataFrame(cells, columns=["model", "task", "metric", "mean"]))._repr_html_()
    assert "<td>m2</td>" in text
    assert "Friedman over 9 tasks" in text
