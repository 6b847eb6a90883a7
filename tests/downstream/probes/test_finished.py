import dataclasses
import io
import logging
import shutil

import numpy as np
import pytest
import torch

from downstream.disk.sums import place_of, write_summed
from downstream.evaluate import Evaluation, evaluate_all
from downstream.events.targets import PostProcessing
from downstream.probes import finished, pack
from downstream.probes.finished import FinishedFits
from downstream.probes.selection import EarlyStopping
from downstream.tasks.task import Task
from tests.downstream.probes.test_pack import fitting
from tests.downstream.stores import flip
from tests.downstream.test_evaluate import made_splits


@pytest.fixture(autouse=True)
def all_are_worth_it(monkeypatch):
    monkeypatch.setattr(finished, "WORTH_S", 0.0)


def test_a_fit_comes_back_as_it_was(tmp_path):
    kept = FinishedFits(tmp_path / "fits")
    one, other = fitting(), fitting(lr=1e-2)
    (fit,) = pack.fit_all([one])
    assert kept.read(one) is None
    kept.write(one, fit)
    found = kept.read(one)
    assert (found.config, found.validations, found.best, found.seconds) == (
        *(fit.config, fit.validations, fit.best, fit.seconds),
    )
    assert all(torch.equal(found.state[name], value) for name, value in fit.state.items())
    assert kept.read(other) is None
    assert kept.read(fitting(seed=1)) is None
    kept.discard()
    assert not (tmp_path / "fits").exists()


def test_a_short_fit_is_not_worth_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(finished, "WORTH_S", 1e9)
    FinishedFits(tmp_path / "fits").write(fitting(), pack.fit_all([fitting()])[0])
    assert not (tmp_path / "fits").exists()


def test_a_file_that_is_broken_is_trained_again(tmp_path, caplog):
    kept, one = FinishedFits(tmp_path), fitting()
    kept.write(one, pack.fit_all([one])[0])
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        assert kept.read(one) is None
    assert f"{file}: trained again, its file can't be read" in caplog.text


def test_a_file_that_changed_or_is_of_another_place_is_trained_again(tmp_path, caplog):
    kept, other, one = FinishedFits(tmp_path / "a"), FinishedFits(tmp_path / "b"), fitting()
    kept.write(one, pack.fit_all([one])[0])
    (file,) = (tmp_path / "a").iterdir()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert other.read(one) is None
    flip(file, 2000)
    assert kept.read(one) is None
    assert caplog.text.count("not what was written here") == 2


def test_a_fit_of_an_earlier_version_is_read(tmp_path):
    """Its validations have the scores of all metrics."""
    kept, one = FinishedFits(tmp_path), fitting()
    (fit,) = pack.fit_all([one])
    setting = {"median_filter_ms": 250.0, "min_duration": 125.0}
    seen = [
        {"epoch": each.epoch, "loss": each.loss, "score": each.score, "scores": {"a": each.score, "b": 1.0}}
        for each in (*fit.validations, fit.best)
    ]
    seen = [{**each, "postprocessing": setting} for each in seen]
    content = io.BytesIO()
    record = {"validations": seen[:-1], "best": seen[-1], "state": fit.state, "seconds": fit.seconds}
    torch.save(record, content)
    write_summed(kept._path(one), content.getbuffer(), place_of(kept._path(one), finished.PLACE_PARTS))
    found = kept.read(one)
    with_setting = [dataclasses.replace(each, postprocessing=PostProcessing(**setting)) for each in fit.validations]
    assert list(found.validations) == with_setting
    assert found.best.score == fit.best.score


@pytest.mark.parametrize("found", [[], {}, {"validations": [{"postprocessing": {"width": 3}}]}])
def test_a_file_of_another_version_is_trained_again(tmp_path, caplog, found):
    kept, one = FinishedFits(tmp_path), fitting()
    content = io.BytesIO()
    torch.save(found, content)
    write_summed(kept._path(one), content.getbuffer(), place_of(kept._path(one), finished.PLACE_PARTS))
    assert kept.read(one) is None
    assert "trained again, its file can't be read" in caplog.text


def test_a_fit_that_cannot_be_kept_is_a_fit_all_the_same(tmp_path, caplog):
    (tmp_path / "fits").write_text("in the way")
    one = fitting()
    FinishedFits(tmp_path / "fits").write(one, pack.fit_all([one])[0])
    assert f"{tmp_path / 'fits'}: a fit that has ended is not kept" in caplog.text


@pytest.mark.parametrize("validations", [90, 170])
def test_an_interrupted_evaluation_goes_on(tmp_path, scene_task, monkeypatch, validations):
    """Stopped within the grid, or within the other folds: what had ended is not trained again."""
    folds = {"split_mode": "presplit_kfold", "splits": ["fold00", "fold01", "fold02"], "clips": 20}
    params = {"task_specific_param_grid": {"max_epochs": [60]}}
    task = Task.from_dir(scene_task(**folds, evaluation_params=params))
    splits, see, seen = made_splits(task), EarlyStopping.see, []

    def results(folder=None):
        ((_, found),) = evaluate_all([Evaluation(task, splits, finished=folder)], "cpu")
        return found

    def stops(self, validation):
        seen.append(validation)
        if len(seen) == validations:
            raise KeyboardInterrupt
        return see(self, validation)

    wanted = results()
    monkeypatch.setattr(EarlyStopping, "see", stops)
    with pytest.raises(KeyboardInterrupt):
        results(tmp_path / "fits")
    kept, before = len(list((tmp_path / "fits").iterdir())), len(seen)
    assert kept
    found = results(tmp_path / "fits")
    assert len(seen) - before < sum(result.epochs for result in wanted) / 3
    for one, other in zip(found, wanted, strict=True):
        assert one.scores == other.scores
        assert one.tried == other.tried
        assert np.array_equal(one.predictions, other.predictions)
