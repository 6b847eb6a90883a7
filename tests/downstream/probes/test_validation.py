"""Validations of a pack: what is computed for many probes at once, and when it is waited for."""

import contextlib
import dataclasses
import itertools
import math
import random
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from downstream.probes import pack, validation
from downstream.probes.fit import Fitting, fit
from downstream.probes.pack import fit_all, plan
from downstream.probes.probe import ProbeConfig
from downstream.probes.selection import Selection
from downstream.probes.stacked import StackedProbes
from downstream.probes.validation import Pending, Validator, cut
from downstream.scores.metrics import METRICS
from tests.downstream.probes.test_pack import TRAIN, VALID, accuracy, data, fitting, same, still, way

__all__ = ["still", "way"]  # fixtures


def scored(valid, metric: str, kind: str, *, stacked: bool = True, selection: Selection | None = None) -> Fitting:
    """A fitting whose score is a metric."""

    def score(probabilities):
        return METRICS[metric].score(probabilities, valid.y), "host"

    rest = selection or Selection(), score
    return Fitting(ProbeConfig(), valid, valid, kind, *rest, stacked_score=METRICS[metric].stacked if stacked else None)


def mixed() -> list[Fitting]:
    """Probes of several tasks, of which some have equal targets, in no order."""
    small, large = data(30, labels=4, seed=1), data(41, labels=6, seed=2, multilabel=True)
    equal = dataclasses.replace(large, y=large.y.copy())
    loss = Selection(by_loss=True)
    return [
        scored(large, "mAP", "multilabel"),
        scored(small, "top1_acc", "multiclass"),
        scored(equal, "mAP", "multilabel"),
        scored(large, "aucroc", "multilabel", stacked=False),
        scored(small, "mAP", "multiclass"),
        scored(equal, "aucroc", "multilabel", stacked=False),
        scored(large, "d_prime", "multilabel"),
        scored(small, "top1_acc", "multiclass", selection=loss),
        scored(large, "mAP", "multilabel", selection=loss),
        scored(large, "mAP", "multilabel"),
    ]


def batches_of(logits, sizes):
    """Logits (items, labels) of each probe in padded batches; the first batches are full."""
    labels, batches = max(each.shape[1] for each in logits), []
    for start in range(0, max(map(len, logits)), sizes):
        parts = [each[start : start + sizes] for each in logits]
        batch = torch.full((len(logits), labels, max(map(len, parts))), 7.0)
        for row, part in zip(batch, parts, strict=True):
            row[: part.shape[1], : len(part)] = part.T
        batches.append((batch, tuple(map(len, parts))))
    return batches


def results_of(fittings, live, logits, stacked=True):
    with Validator(fittings, "cpu", stacked=stacked) as validator:
        results = validator.begin(5, live, batches_of([logits[number] for number in live], 16))
        return {number: result() for number, result in results.items()}


@pytest.mark.parametrize("piece", [1, 500, 1 << 23])
@pytest.mark.parametrize("live", [range(10), [0, 2, 3, 5, 9], [7]])
def test_probes_are_validated_together_as_each_alone(monkeypatch, piece, live):
    monkeypatch.setattr(validation, "PIECE", piece)
    fittings, stream = mixed(), torch.Generator().manual_seed(0)
    logits = [4 * torch.randn(one.valid.y.shape, generator=stream) for one in fittings]
    found = results_of(fittings, list(live), logits)
    assert set(found) == set(live)
    for number in live:
        wanted = fittings[number].validation(5, logits[number])
        assert found[number].epoch == 5
        assert found[number].loss == pytest.approx(wanted.loss, rel=1e-6)
        assert found[number].score == pytest.approx(wanted.score, rel=1e-6)
        assert found[number].postprocessing == ("host" if number in (3, 5) else None)


def test_probes_of_equal_targets_are_one_group():
    groups = Validator(mixed(), "cpu", stacked=True).groups
    assert sorted(map(sorted, (group.members for group in groups))) == [[0, 2, 9], [1], [3, 5], [4], [6], [7], [8]]


def test_a_probe_alone_is_validated_to_the_last_bit():
    fittings = mixed()
    logits = [torch.randn(one.valid.y.shape) for one in fittings]
    found = results_of(fittings, [6, 4], logits, stacked=False)
    for number in (6, 4):
        assert found[number] == fittings[number].validation(5, logits[number])


def test_a_probe_that_diverged_leaves_the_others_scores():
    fittings = [scored(VALID, "mAP", "multilabel"), scored(VALID, "mAP", "multilabel")]
    logits = [torch.randn(VALID.y.shape), torch.full(VALID.y.shape, math.nan)]
    found = results_of(fittings, [0, 1], logits)
    assert math.isnan(found[1].score)
    assert math.isnan(found[1].loss)
    assert found[0].score == pytest.approx(fittings[0].validation(5, logits[0]).score)


def test_cut_takes_probes_of_any_places():
    logits = [torch.randn(items, labels) for items, labels in ((9, 3), (9, 5), (7, 2), (9, 5))]
    batches = batches_of(logits, 4)
    for places in ([0], [1], [2], [1, 3], [3]):
        found = cut(batches, places, logits[places[0]].shape[1])
        assert found.is_contiguous()
        assert torch.equal(found, torch.stack([logits[place].T for place in places]))


class Reversed:
    """A pool whose jobs run when a result is asked for, the last one first: as late as can be, and out of order."""

    def __init__(self) -> None:
        self.jobs, self.outcomes, self.down = [], {}, False

    def submit(self, job) -> SimpleNamespace:
        number = len(self.outcomes) + len(self.jobs)
        self.jobs.append((number, job))
        return SimpleNamespace(result=lambda: self._result(number))

    def _result(self, asked: int):
        while self.jobs:
            number, job = self.jobs.pop()
            try:
                self.outcomes[number] = job(), None
            except Exception as error:
                self.outcomes[number] = None, error
        value, error = self.outcomes[asked]
        if error:
            raise error
        return value

    def shutdown(self, wait: bool, cancel_futures: bool) -> None:
        self.down = wait and cancel_futures


class Slow(ThreadPoolExecutor):
    """Threads that take a while, each job another one."""

    def __init__(self) -> None:
        super().__init__(3, thread_name_prefix="scores")
        self.draw = random.Random(0)

    def submit(self, job):
        pause = self.draw.choice([0, 0, 0.003])
        return super().submit(lambda: (time.sleep(pause), job())[1])


def use(monkeypatch, pool, ahead=1) -> list:
    """Have packs score by pools of a class; return them."""
    pools = []
    monkeypatch.setattr(validation, "AHEAD", ahead)
    monkeypatch.setattr(validation, "_pool", lambda device: pools.append(pool()) or pools[-1])
    return pools


def scoring_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("scores")]


def diverges(probabilities):
    """A score that is not finite as soon as there is something to score."""
    scores, _ = accuracy(VALID)(probabilities)
    return ({"top1_acc": math.nan}, None) if scores["top1_acc"] > 0.6 else (scores, None)


def grid() -> list[Fitting]:
    """Fits of one pack that end at different times, the first by a score that is not finite, some at the end."""
    rates = (3e-4, 0.1, 1e-2, 1e-3, 3e-4, 0.2, 1e-4)
    made = [fitting(lr=lr, seed=seed, patience=4, max_epochs=36) for seed, lr in enumerate(rates)]
    return [dataclasses.replace(made[0], score=diverges), *made[1:]]


def exactly(found, wanted) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert (one.config, one.validations, one.best, one.epochs) == (
            *(other.config, other.validations, other.best, other.epochs),
        )
        assert one.state.keys() == other.state.keys()
        assert all(torch.equal(one.state[name], value) for name, value in other.state.items())


@pytest.fixture(scope="module")
def waited():
    """The fits of the grid, each score of which was waited for."""
    return fit_all(grid())


@pytest.mark.parametrize(("pool", "ahead"), [(Reversed, 1), (Reversed, 2), (Reversed, 100), (Slow, 1), (Slow, 3)])
def test_fits_do_not_depend_on_when_they_are_scored(monkeypatch, waited, pool, ahead):
    """With 100, no score is known before training has ended."""
    assert len(plan(grid(), "cpu")) == 1
    assert len({found.epochs for found in waited}) > 3
    assert max(found.epochs for found in waited) == 36
    use(monkeypatch, pool, ahead)
    exactly(fit_all(grid()), waited)
    assert not scoring_threads()


@pytest.mark.parametrize("way", ["together"], indirect=True)
@pytest.mark.parametrize(("stacked", "ahead"), [(True, 0), (True, 1), (True, 3), (False, 1)])
def test_fits_of_one_program_do_not_depend_on_it_either(monkeypatch, still, way, ahead, stacked):
    """Rounding may, as a probe leaves its program later. Some are scored on the device, some on the host."""

    def fittings():
        return [
            dataclasses.replace(each, stacked_score=METRICS["top1_acc"].stacked if stacked and i in (1, 3, 4) else None)
            for i, each in enumerate(grid())
        ]

    wanted = list(map(fit, fittings()))
    if ahead:
        use(monkeypatch, Reversed, ahead)
    for one, other in zip(fit_all(fittings()), wanted, strict=True):
        same(one, other)


@pytest.mark.parametrize("ahead", [1, 2, 100])
def test_seconds_are_those_until_the_end_of_a_fit(monkeypatch, way, ahead):
    """By a clock that only training moves."""
    steps, step = [], StackedProbes.step
    monkeypatch.setattr(pack.time, "perf_counter", lambda: float(len(steps)))
    monkeypatch.setattr(StackedProbes, "step", lambda *args: steps.append(1) or step(*args))
    fittings = grid() if way == "together" else [fitting(patience=2, max_epochs=30)]
    wanted = fit_all(fittings)
    waited = len(steps)
    use(monkeypatch, Reversed, ahead)
    assert [found.seconds for found in fit_all(fittings)] == [found.seconds for found in wanted]
    assert len(steps) > 2 * waited or way == "together"  # what was void took time, which no fit has


def test_fits_that_have_ended_are_handed_over_while_others_train(monkeypatch):
    steps, ended, step = [], {}, StackedProbes.step
    monkeypatch.setattr(StackedProbes, "step", lambda *args: steps.append(1) or step(*args))
    use(monkeypatch, Reversed)
    fit_all(grid(), done=lambda number, fit: ended.setdefault(number, len(steps)))
    assert len(set(ended.values())) > 3
    assert min(ended.values()) < len(steps)


@pytest.mark.parametrize("ahead", [1, 2])
def test_training_goes_on_while_threads_score(monkeypatch, ahead):
    """Each score is computed when the epochs behind its validation have been trained; it would wait for ever if not."""
    steps, trained, step = [], threading.Condition(), StackedProbes.step
    every = 3 * 3  # steps from one validation to the next
    epochs = 30

    def stepped(*args):
        step(*args)
        with trained:
            steps.append(1)
            trained.notify_all()

    calls = iter(range(1, 100))

    def score(probabilities):
        needed = min((next(calls) + ahead) * every, epochs * 3)
        with trained:
            assert trained.wait_for(lambda: len(steps) >= needed, timeout=20)
        return accuracy(VALID)(probabilities)

    monkeypatch.setattr(StackedProbes, "step", stepped)
    use(monkeypatch, lambda: ThreadPoolExecutor(1, thread_name_prefix="scores"), ahead)
    (found,) = fit_all([dataclasses.replace(fitting(patience=20, max_epochs=epochs), score=score)])
    assert len(found.validations) == epochs / 3
    assert not scoring_threads()


def test_few_validations_wait(monkeypatch):
    """Each keeps weights."""
    alive, most, made = weakref.WeakSet(), [], Pending.__init__

    def watched(self, *args):
        made(self, *args)
        alive.add(self)
        most.append(len(alive))

    monkeypatch.setattr(Pending, "__init__", watched)
    monkeypatch.setattr(Pending, "__hash__", lambda self: id(self))
    monkeypatch.setattr(Pending, "__eq__", lambda self, other: self is other)
    use(monkeypatch, Reversed, 2)
    fit_all(grid())
    assert max(most) == 3
    assert len(most) > 10


def when(condition, error):
    """A score that raises where the accuracy is so."""

    def score(probabilities):
        scores, setting = accuracy(VALID)(probabilities)
        if condition(scores["top1_acc"]):
            raise error
        return scores, setting

    return score


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), torch.cuda.OutOfMemoryError("full")])
@pytest.mark.parametrize("pool", [None, Slow])
def test_a_score_that_raises_ends_the_training(monkeypatch, pool, error):
    if pool:
        use(monkeypatch, pool)
    broken = dataclasses.replace(fitting(), score=when(lambda found: found > 0.5, error))
    ended = []
    with pytest.raises(type(error)):
        fit_all([fitting(lr=0.1, patience=1), broken], done=lambda number, fit: ended.append(number))
    assert ended in ([], [0])
    assert not scoring_threads()


def test_a_score_that_would_not_have_been_asked_for_may_raise(monkeypatch):
    """A fit is over with its third validation, and what comes behind it is void, while another fit goes on."""
    scores = {0: 0.5, 1: 0.4, 2: 0.3}
    calls = iter(range(100))
    void = []

    def score(probabilities):
        number = next(calls)
        void.extend([number] if number not in scores else [])
        return {"score": scores[number]}, None

    class InOrder(Reversed):
        def submit(self, job):
            submitted = super().submit(job)
            with contextlib.suppress(KeyError):
                submitted.result()
            return submitted

    pools = use(monkeypatch, InOrder, 2)
    better = itertools.count()
    improves = dataclasses.replace(fitting(patience=2), score=lambda found: ({"score": float(next(better))}, None))
    found, other = fit_all([dataclasses.replace(fitting(patience=2), score=score), improves])
    assert len(other.validations) == 10
    assert [seen.score for seen in found.validations] == [0.5, 0.4, 0.3]
    assert void == [3, 4]
    assert pools[0].down


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_threads_end_with_an_error_of_training(monkeypatch, error):
    """Also those that are scoring then."""
    scoring, over, step = threading.Event(), [], StackedProbes.step

    def score(probabilities):
        scoring.set()
        time.sleep(0.2)
        over.append(1)
        return accuracy(VALID)(probabilities)

    def fails(*args):
        if scoring.is_set():
            raise error
        return step(*args)

    monkeypatch.setattr(StackedProbes, "step", fails)
    use(monkeypatch, lambda: ThreadPoolExecutor(1, thread_name_prefix="scores"))
    with pytest.raises(error):
        fit_all([dataclasses.replace(fitting(lr=lr), score=score) for lr in (1e-2, 1e-3, 1e-4)])
    assert not scoring_threads()
    assert len(over) == 1  # what had not begun is not scored


def test_a_pack_that_does_not_fit_in_the_middle_goes_on_in_halves(monkeypatch, still, way):
    wanted, step, calls = fit_all(grid()), StackedProbes.step, []

    def scarce(self, *args):
        calls.append(1)
        if len(calls) == 100:
            raise torch.cuda.OutOfMemoryError
        return step(self, *args)

    monkeypatch.setattr(StackedProbes, "step", scarce)
    pools = use(monkeypatch, Slow, 2)
    for one, other in zip(fit_all(grid()), wanted, strict=True):
        same(one, other)
    assert len(pools) > 1
    assert not scoring_threads()


def test_a_cpu_scores_in_line():
    """Its cores all train, and a fit's numbers must not depend on threads."""
    with Validator([fitting()], "cpu", stacked=False) as validator:
        assert validator.ahead == 0
        names = []
        one = dataclasses.replace(
            fitting(), score=lambda found: (names.append(threading.current_thread()), accuracy(VALID)(found))[1]
        )
    fit_all([one])
    assert set(names) == {threading.main_thread()}


def test_the_batches_of_training_are_the_same(monkeypatch):
    """Dropout and the order of batches, too."""
    shuffled = dataclasses.replace(TRAIN, shuffle=3)
    fittings = [fitting(shuffled, lr=lr, dropout=0.4, patience=3) for lr in (0.1, 1e-2, 1e-3)]
    wanted = fit_all(fittings)
    use(monkeypatch, Reversed, 2)
    exactly(fit_all(fittings), wanted)


def test_arrays_of_targets_are_compared_by_value():
    y = np.eye(2, dtype=np.float32)[[0, 1, 0]]
    fittings = [
        scored(dataclasses.replace(data(3, labels=2), y=values), "mAP", "multilabel") for values in (y, y.copy(), 1 - y)
    ]
    assert [group.members for group in Validator(fittings, "cpu", stacked=True).groups] == [{0, 1}, {2}]


def on_device(metric="top1_acc", multilabel=False, **changes) -> list[Fitting]:
    """Fits that a device trains together, scored by a metric on the host, and where changed, there."""
    train, valid = (data(items, labels=4, seed=seed, multilabel=multilabel) for items, seed in ((90, 1), (40, 2)))
    kind = "multilabel" if multilabel else "multiclass"

    def score(probabilities):
        return METRICS[metric].score(probabilities, valid.y), None

    made = [
        fitting(train, valid, seed, kind, lr=lr, dropout=0.0, patience=3) for seed, lr in enumerate((1e-2, 1e-3, 0.1))
    ]
    return [dataclasses.replace(each, score=score, **changes) for each in made]


@pytest.mark.gpu
@pytest.mark.parametrize("stacked", [True, False])
@pytest.mark.parametrize(("metric", "multilabel"), [("top1_acc", False), ("mAP", True), ("aucroc", True)])
def test_packs_on_cuda_validate_as_the_trainer_does(still, cuda, metric, multilabel, stacked):
    fittings = on_device(metric, multilabel, stacked_score=METRICS[metric].stacked if stacked else None)
    for found, one in zip(fit_all(fittings, cuda), fittings, strict=True):
        wanted = fit(one, cuda)
        assert [seen.epoch for seen in found.validations] == [seen.epoch for seen in wanted.validations]
        assert [seen.score for seen in found.validations] == pytest.approx([seen.score for seen in wanted.validations])
        losses = [[seen.loss for seen in each.validations] for each in (found, wanted)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)
        assert found.state.keys() == wanted.state.keys()
    assert not scoring_threads()


@pytest.mark.parametrize("stacked", [True, False])
def test_a_validation_on_cuda_waits_for_one_copy(pretended_cuda, stacked):
    """And for the probabilities, where the host scores; no other copy leaves the device before a fit ends."""
    fittings = on_device("mAP", True, stacked_score=METRICS["mAP"].stacked if stacked else None)
    with pretended_cuda.counting() as counts:
        fits = fit_all(fittings, "cuda")
    validations = max(len(found.validations) for found in fits)
    place = ("downstream/probes/validation.py", "_Copy.wait")
    ends = {len(found.validations) for found in fits} - {validations}  # their weights are waited for, and what pends
    waits = counts.waits_by_place()[place]
    most = validations * (1 if stacked else 2)  # threads may have waited for it before
    assert waits == most - len(ends) if stacked else most - 2 * len(ends) <= waits <= most
    states = sum(wait.function.startswith("_Pack._end") for wait in counts.waits)
    assert counts.to_host == validations * (1 if stacked else 2) + states
    elsewhere = {where for where in counts.waits_by_place() if where[0] == place[0]} - {place}
    assert not elsewhere
