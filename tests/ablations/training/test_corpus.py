"""The corpus as a source of batches: what is equal, what differs, which labels there are."""

import pytest
import torch

from ablations.training.corpus import Corpus, render, render_kind, statistics
from ablations.training.corpus.corpus import FORMAT
from ablations.training.corpus.plan import alone, plan
from ablations.training.corpus.vocabulary import KINDS, LABELS

SECONDS = 2.0


@pytest.fixture(scope="module")
def corpus():
    return Corpus(seconds=SECONDS)


def test_a_batch_is_the_same_whatever_came_before(corpus):
    first = corpus.batch(3, 6)
    corpus.batch(0, 5)
    for again in (corpus.batch(3, 6), Corpus(seconds=SECONDS).batch(3, 6)):
        assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_a_batch_is_the_same_with_another_number_of_threads(corpus):
    threads = torch.get_num_threads()
    batches = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            batches.append(corpus.batch(1, 4)[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*batches)


def test_a_clip_is_the_same_alone_as_in_a_batch(corpus):
    audio, targets = corpus.batch(1, 6)
    for row in range(6):
        alone, labels = render(corpus, 6 + row)
        assert (alone - audio[row]).abs().max() < 1e-5
        assert labels == tuple(LABELS[column] for column in targets[row].nonzero()[:, 0].tolist())


def test_batches_are_what_a_source_promises(corpus):
    audio, targets = corpus.batch(0, 24)
    assert audio.shape == (24, corpus.samples) == (24, int(SECONDS * corpus.sample_rate))
    assert targets.shape == (24, len(corpus.labels))
    assert audio.dtype == targets.dtype == torch.float32
    assert audio.isfinite().all()
    assert audio.abs().max() <= 1
    assert (audio.square().mean(-1).sqrt() > 1e-4).all()
    assert set(targets.unique().tolist()) == {0.0, 1.0}
    assert (targets.sum(-1) >= 1).all()
    assert torch.equal(targets, corpus.targets(0, 24))


@pytest.mark.parametrize("other", [{"seed": 1}, {"sample_rate": 16000}, {"seconds": 3.0}])
def test_other_settings_are_another_corpus(corpus, other):
    changed = Corpus(**{"seconds": SECONDS, **other})
    assert changed.fingerprint != corpus.fingerprint == Corpus(seconds=SECONDS).fingerprint
    length = min(changed.samples, corpus.samples)
    difference = changed.batch(0, 2)[0][:, :length] - corpus.batch(0, 2)[0][:, :length]
    assert (difference.abs().amax(-1) > 1e-3).all()


@pytest.mark.parametrize(("seconds", "rate"), [(1.0, 16000), (2.345678, 44100), (12.0, 48000)])
def test_other_lengths_and_rates_work(seconds, rate):
    audio, targets = Corpus(seconds=seconds, sample_rate=rate).batch(0, 3)
    assert audio.shape == (3, round(seconds * rate))
    assert audio.isfinite().all()
    assert (audio.square().mean(-1) > 1e-8).all()
    assert (targets.sum(-1) >= 1).all()


def test_clips_do_not_repeat():
    keys = plan(0, range(3000), 10.0).keys + plan(1, range(3000), 10.0).keys
    assert len(set(keys)) == 6000


def test_labels_are_neither_rare_nor_everywhere():
    shares = statistics(Corpus(), 2000)
    assert len(shares) == len(set(LABELS)) == len(LABELS) >= 100
    assert min(shares.values()) > 0.01
    assert max(shares.values()) < 0.35


@pytest.mark.parametrize("seconds", [1.0, 10.0, 30.0])
def test_events_end_within_the_clip(seconds):
    planned = plan(5, range(300), seconds)
    counts = [len(labels) for labels in planned.labels]
    assert min(counts) >= 1
    for place in planned.placements:
        assert place.start >= 0
        assert place.start + planned.items[place.item].seconds <= seconds + 1e-9


@pytest.mark.parametrize("number", range(4))
def test_sounds_start_and_end_when_planned(corpus, number):
    which = [kind.labels[-1] for kind in KINDS].index("tone: sine")
    planned = alone(which, 0, range(number, number + 1), SECONDS)
    audio, _ = render_kind(corpus, "tone: sine", number)
    first, last = planned.placements[0], planned.placements[-1]
    start = int(first.start * corpus.sample_rate)
    end = int((last.start + planned.items[last.item].seconds) * corpus.sample_rate)
    assert audio[:start].abs().max() == 0
    assert audio[start : start + 640].abs().max() > 1e-4
    assert audio[end - 640 : end].abs().max() > 1e-5
    assert audio[end + 640 :].abs().sum() == 0


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.labels[-1])
def test_every_kind_sounds(corpus, kind):
    audio, labels = render_kind(corpus, kind.labels[-1], 0)
    assert audio.isfinite().all()
    assert 0.02 < audio.abs().max() <= 1
    assert set(kind.labels) <= set(labels)


def test_labels_of_kinds_are_unique():
    assert len({kind.labels[-1] for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"seconds": 0.5}, "seconds must be 1 or more, got 0.5"),
        ({"seed": -1}, "seed must be a whole number, 0 or more and less than 2^63, got -1"),
        ({"seed": 1.0}, "seed must be"),
        ({"sample_rate": 8000}, "sample_rate must be 16000 to 48000 Hz, got 8000"),
    ],
)
def test_settings_that_cannot_be_are_named(settings, named):
    with pytest.raises(ValueError, match=named.replace("^", r"\^")):
        Corpus(**settings)


def test_calls_that_cannot_be_are_named(corpus):
    with pytest.raises(ValueError, match="index must be a whole number, 0 or more, got -1"):
        corpus.batch(-1, 4)
    with pytest.raises(ValueError, match="size must be a whole number, 1 or more, got 0"):
        corpus.batch(0, 0)
    with pytest.raises(ValueError, match="unknown kind 'drum: kik' .did you mean 'drum: kick'"):
        render_kind(corpus, "drum: kik", 0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_makes_the_same_clips():
    here, there = Corpus(seconds=SECONDS), Corpus(seconds=SECONDS, device="cuda")
    audio, targets = here.batch(0, 24)
    on_gpu, same = there.batch(0, 24)
    assert torch.equal(targets, same.cpu())
    assert (audio - on_gpu.cpu()).abs().max() < 1e-3
    assert torch.equal(on_gpu, there.batch(0, 24)[0])


def test_a_change_of_clips_is_a_change_of_format():
    """Models name the corpus they were trained on: where this fails, count FORMAT up and record the new values."""
    corpus = Corpus(seconds=SECONDS)
    levels = corpus.batch(0, 8)[0].square().mean(-1).sqrt()
    recorded = torch.tensor([0.0913, 0.0286, 0.0795, 0.0233, 0.0285, 0.1177, 0.0137, 0.1059])
    assert (levels / recorded - 1).abs().max() < 0.01
    assert (FORMAT, corpus.fingerprint) == (2, "ff43e74da7c0f16e")
