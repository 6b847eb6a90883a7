"""The curve of a training: what is drawn of its log."""

import pandas as pd
import pytest

from results.figures.training_curve import training_curve

LOG = pd.DataFrame({"step": [0, 50, 100], "loss": [None, 0.5, 0.25], "mAP": [0.3, None, 0.4]})


def test_loss_and_score_stand_at_the_clips_that_were_heard():
    loss, score = training_curve(LOG, 32).axes
    assert loss.lines[0].get_xdata()[1:].tolist() == [1600, 3200]
    assert loss.lines[0].get_ydata()[1:].tolist() == [0.5, 0.25]
    curve, start = score.lines
    assert (curve.get_xdata().tolist(), curve.get_ydata().tolist()) == ([0, 3200], [0.3, 0.4])
    assert set(start.get_ydata()) == {0.3}
    assert score.get_legend().get_texts()[0].get_text() == "at the start: 0.300"


def test_a_training_of_new_weights_has_no_line_of_a_start():
    _, score = training_curve(LOG.iloc[1:], 32).axes
    assert len(score.lines) == 1
    assert score.get_legend() is None


def test_without_evaluations_the_loss_is_drawn_alone():
    assert len(training_curve(LOG.assign(mAP=None), 32).axes) == 1
    with pytest.raises(ValueError, match="without rows"):
        training_curve(LOG.iloc[:0], 32)
