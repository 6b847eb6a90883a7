"""Clips of lists of files: which, where they are cropped, and what becomes of those that can't be read."""

import csv

import numpy as np
import pytest
import torch

from passt.training.data.files import FileList, FileSource, Unreadable, cropped
from passt.training.data.sampling import balanced_weights, epoch_order
from passt.training.data.source import FixedSource, Source

SAMPLES, LABELS = 50, ("a", "b")
NAMES = tuple(f"{i}.wav" for i in range(10))
TARGETS = np.array([[i % 2, 1 - i % 2] for i in range(10)])


def read(name: str) -> np.ndarray:
    """File i holds i + 0.00, i + 0.01 ...; 3 and 7 are no audio, 2 is short."""
    number = int(name.split(".")[0])
    if number in (3, 7):
        raise ValueError(f'{name}: not audio, it says "no"')
    return np.float32(number + np.arange(20 if number == 2 else 80) / 100)


def source(kind=FileSource, files=NAMES, targets=TARGETS, **options):
    return kind(files, targets, LABELS, read, 32000, SAMPLES, **options)


def numbers(audio: torch.Tensor) -> list[int]:
    return [int(clip[0]) for clip in audio]


def test_an_epoch_is_every_readable_item_and_the_next_one_is_another_order():
    one: Source = source()
    audio, labels = one.batch(0, 10)
    assert audio.shape == (10, SAMPLES)
    assert audio.dtype == labels.dtype == torch.float32
    found = numbers(audio)
    assert set(found) == set(range(10)) - {3, 7}
    assert torch.equal(labels, torch.tensor([[n % 2, 1 - n % 2] for n in found]).float())
    assert numbers(one.batch(1, 10)[0]) != found


def test_clips_are_the_same_in_any_order_and_size():
    audio, labels = source(seed=4).batch(1, 6)
    again = source(seed=4)
    again.batch(7, 3)
    parts = [again.batch(i, 2) for i in (5, 3, 4)]
    assert torch.equal(torch.cat([parts[i][0] for i in (1, 2, 0)]), audio)
    assert torch.equal(torch.cat([parts[i][1] for i in (1, 2, 0)]), labels)
    assert not torch.equal(source(seed=5).batch(1, 6)[0], audio)


def test_long_clips_are_cropped_anywhere_and_short_ones_end_in_silence():
    starts = set()
    one = source()
    for index in range(40):
        for clip in one.batch(index, 10)[0]:
            if int(clip[0]) == 2:
                assert torch.count_nonzero(clip[20:]) == 0
            else:
                starts.add(round(100 * (float(clip[0]) % 1)))
                assert torch.allclose(clip.diff(), torch.full((SAMPLES - 1,), 0.01), atol=1e-5)
    assert starts == set(range(31))
    assert cropped(np.ones(5), 5, 0.99).tolist() == [1] * 5


def test_what_can_not_be_read_is_counted_and_named_once(tmp_path, caplog):
    unreadable = Unreadable(tmp_path / "unreadable.csv")
    one = source(unreadable=unreadable)
    for index in range(5):
        one.batch(index, 10)
    with (tmp_path / "unreadable.csv").open(newline="") as file:
        rows = {row["file"]: row["reason"] for row in csv.DictReader(file)}
    assert rows == unreadable.reasons
    assert rows == {name: f'{name}: not audio, it says "no"' for name in ("3.wav", "7.wav")}
    assert caplog.text.count("left out") == 2
    source(unreadable=Unreadable(tmp_path / "unreadable.csv")).batch(0, 10)  # as after a kill
    assert len((tmp_path / "unreadable.csv").read_text().splitlines()) == 3


def test_nothing_but_unreadable_files_ends_in_one_line():
    with pytest.raises(ValueError, match="no clip in 100 attempts, 1 files unreadable: 3.wav: not audio") as error:
        source(files=("3.wav",), targets=TARGETS[:1]).batch(0, 1)
    assert "\n" not in str(error.value)


def test_a_list_is_gone_through_once_from_the_beginnings():
    one = source(FileList)
    assert isinstance(one, FixedSource)
    assert not isinstance(source(), FixedSource)
    assert one.clips == 10
    found = [one.batch(index, 4) for index in range(3)]
    assert [numbers(audio) for audio, _ in found] == [[0, 1, 2], [4, 5, 6], [8, 9]]
    assert all(float(clip[0]) % 1 < 1e-6 for audio, _ in found for clip in audio)
    assert found[1][1].tolist() == [[0, 1], [1, 0], [0, 1]]
    audio, labels = source(FileList, files=("3.wav",), targets=TARGETS[:1]).batch(0, 4)
    assert (audio.shape, labels.shape) == ((0, SAMPLES), (0, 2))


def test_lists_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="at least one file"):
        source(files=(), targets=TARGETS[:0])
    with pytest.raises(ValueError, match=r"targets must be \(10, 2\), got \(3, 2\)"):
        source(targets=TARGETS[:3])


def test_rare_labels_weigh_more():
    labels = np.zeros((1000, 2), dtype=np.uint8)
    labels[:900, 0] = labels[890:, 1] = 1
    weights = balanced_weights(labels)
    assert weights[0] == pytest.approx(1000 / (100 + 900))
    assert weights[-1] == pytest.approx(1000 / (100 + 110))
    assert weights[895] == pytest.approx(weights[0] + weights[-1])


def test_a_balanced_epoch_draws_by_weight_without_repeats():
    weights = np.repeat([1.0, 4.0, 0.0], 500)
    counts = np.zeros(1500)
    for epoch in range(200):
        order = epoch_order(1500, 50, 0, epoch, weights)
        assert len(set(order)) == 50
        counts[order] += 1
    assert counts[1000:].sum() == 0
    assert counts[500:1000].sum() / counts[:500].sum() == pytest.approx(4, rel=0.1)
    assert len(epoch_order(1500, 1500, 0, 0, weights)) == 1000
    assert sorted(epoch_order(7, 7, 0, 1)) == list(range(7))


def test_a_balanced_source_is_drawn_by_its_weights():
    targets = np.zeros((400, 2), dtype=np.uint8)
    targets[:300, 0] = targets[300:, 1] = 1
    files = tuple(f"{10 * i}.wav" for i in range(400))
    one = source(files=files, targets=targets, balanced=True, epoch=20)
    share = np.mean([float(one.batch(index, 20)[1][:, 1].mean()) for index in range(100)])
    assert share == pytest.approx(0.4, abs=0.04)  # 100 of weight 1000 / 200 beside 300 of weight 1000 / 400
