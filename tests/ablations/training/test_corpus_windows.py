"""Windows of the corpus' clips: cut where they should be, with the labels of what sounds in them."""

import pytest
import torch

from ablations.training.corpus import Corpus, Windowed
from ablations.training.corpus.plan import plan
from ablations.training.corpus.windows import AUDIBLE, WINDOWS, window_labels

CORPUS = Corpus(seconds=2.0)


@pytest.fixture(scope="module")
def windowed():
    return Windowed(CORPUS)


def test_every_second_batch_is_whole(windowed):
    for index in (0, 2):
        for found, clips in zip(windowed.batch(index, 3), CORPUS.batch(index, 3), strict=True):
            assert torch.equal(found, clips)


@pytest.mark.parametrize(("index", "samples"), [(1, 5120), (3, 10240), (5, 20480), (7, 5120)])
def test_the_others_are_cut_into_windows_of_one_length(windowed, index, samples):
    audio, labels = windowed.batch(index, 3)
    clips, names = CORPUS.batch(index, 3)
    assert audio.shape == (9, samples)
    assert labels.shape == (9, len(windowed.labels))
    for clip in range(3):
        rows = slice(3 * clip, 3 * clip + 3)
        middle = (64000 - samples) // 2
        for window, start in zip(audio[rows], (0, middle, 64000 - samples), strict=True):
            assert torch.equal(window, clips[clip, start : start + samples])
        assert (labels[rows].amax(0) <= names[clip]).all()  # nothing that the whole clip lacks


def test_a_window_has_the_labels_of_sounds_that_can_be_heard_in_it():
    planned = plan(0, range(40), 2.0)
    seconds = WINDOWS[0]
    starts = [number * seconds for number in range(12)]
    found = window_labels(planned, starts, seconds)
    assert len(found) == 480
    for number, names in enumerate(found):
        clip, start = number // 12, starts[number % 12]
        wanted = set()
        for place in planned.placements:
            sound = planned.items[place.item].seconds
            overlap = min(place.start + sound, start + seconds) - max(place.start, start)
            if place.clip == clip and overlap >= min(AUDIBLE, sound) - 1e-9:
                wanted |= planned.sounding[place.item]
        assert names == wanted
    assert any(not names for names in found)
    assert not any(name.startswith(("room", "rate", "melody", "dynamics")) for names in found for name in names)


def test_a_window_without_labels_is_quieter_than_its_clip(windowed):
    audio, labels = windowed.batch(1, 60)
    clips, _ = CORPUS.batch(1, 60)
    louder = audio.square().mean(-1).sqrt().reshape(60, 3) / clips.square().mean(-1, keepdim=True).sqrt()
    silent = labels.sum(-1).reshape(60, 3) == 0
    assert 10 < silent.sum() < 120
    assert louder[silent].median() < 0.2 < louder[~silent].median()


def test_how_clips_are_cut_is_in_the_fingerprint(windowed):
    assert windowed.fingerprint == Windowed(Corpus(seconds=2.0)).fingerprint != CORPUS.fingerprint
    assert windowed.fingerprint != Windowed(Corpus(seconds=3.0)).fingerprint
    assert (windowed.samples, windowed.sample_rate, windowed.labels) == (64000, 32000, CORPUS.labels)
