"""Watching an evaluation: each fold as soon as it has its probe, and an end that errors' handlers do not swallow."""

import numpy as np
import pytest

from downstream import splits
from downstream.evaluate import Evaluation, evaluate_all
from downstream.splits import LabelledSplit
from downstream.tasks.task import Task
from downstream.watching import FoldFitted, Stopped, watched
from tests.conftest import metadata, write_task

FOLDS = ["fold00", "fold01", "fold02"]


@pytest.fixture
def evaluation(tmp_path) -> Evaluation:
    items = {fold: {f"{fold}{i}.wav": [("low", "high")[i % 2]] for i in range(6)} for fold in FOLDS}
    meta = metadata(split_mode="new_split_kfold", splits=FOLDS)
    task = Task.from_dir(write_task(tmp_path / "made", meta, ["low", "high"], items))
    stream, found = np.random.default_rng(0), {}
    for split, files in splits.item_order(task).items():
        y = splits.one_hot([task.items[split][file] for file in files], task.labels)
        x = (y @ [[1.0, 0.0], [0.0, 1.0]] + stream.normal(0, 1, (len(files), 2))).astype(np.float32)
        found[split] = LabelledSplit(x, y, tuple(files), np.arange(len(files) + 1), np.zeros(0))
    return Evaluation(task, found, "hear2021+grid2", finished=tmp_path / "fits")


def test_every_fold_is_told_once_with_the_score_that_its_result_has(evaluation, monkeypatch):
    monkeypatch.setattr("downstream.probes.finished.WORTH_S", 0.0)
    seen: list[FoldFitted] = []
    for _ in range(2):  # the second time from fits that are kept
        with watched(seen.append):
            ((_, results),) = evaluate_all([evaluation], "cpu")
        assert [(each.task.name, each.seed, each.fold) for each in seen] == [("made", 0, fold) for fold in FOLDS]
        assert [each.score for each in seen] == [result.chosen.best.score for result in results]
        seen.clear()
    evaluate_all([evaluation], "cpu")
    assert seen == []


def test_a_watcher_can_end_it(evaluation):
    folds = []

    def stop(seen: FoldFitted) -> None:
        folds.append(seen.fold)
        raise Stopped

    with pytest.raises(Stopped), watched(stop):
        list(evaluate_all([evaluation], "cpu"))
    assert folds == FOLDS[:1]
    assert not issubclass(Stopped, Exception)  # what goes on after errors does not go on after this
