"""Rows of several folders that belong together: the rule of common timestamps, and where it does not hold."""

import numpy as np
import pytest

from downstream.store.common import common_rows
from downstream.store.index import Index

NAMES = ("one", "other")


def index(files: dict[str, np.ndarray]) -> Index:
    lengths = [len(times) for times in files.values()]
    return Index(tuple(files), np.concatenate([[0], np.cumsum(lengths)]), np.concatenate(list(files.values())))


def every(hop_ms: float, end_ms: float, first_ms: float = 0.0) -> np.ndarray:
    return np.arange(first_ms, end_ms + 1e-6, hop_ms)


@pytest.mark.parametrize(
    ("hops", "common"),
    [
        ((50, 50), [0, 50, 100, 150, 200, 250, 300, 350, 400]),
        ((50, 100), [0, 100, 200, 300, 400]),
        ((100, 50), [0, 100, 200, 300, 400]),
        ((50, 70), [0, 350]),
        ((20, 30), [0, 60, 120, 180, 240, 300, 360]),
    ],
)
def test_common_timestamps_are_those_of_both_models(hops, common):
    files = ["b", "a"]
    indexes = [index({"a": every(hop, 400), "b": every(hop, 430), "c": every(hop, 10)}) for hop in hops]
    rows = common_rows(indexes, files, NAMES, timed=True)
    last = list(every(np.lcm(*hops), 430))
    assert rows.timestamps.tolist() == [*last, *common]
    assert rows.offsets.tolist() == [0, len(last), len(last) + len(common)]
    for one, numbers in zip(indexes, rows.numbers, strict=True):
        assert one.timestamps[numbers] == pytest.approx(rows.timestamps)
        assert (numbers[: len(last)] >= one.offsets[1]).all()
        assert (numbers[len(last) :] < one.offsets[1]).all()


def test_three_models_have_the_timestamps_of_all():
    indexes = [index({"a": every(hop, 600)}) for hop in (20, 50, 30)]
    assert common_rows(indexes, ["a"], "abc", timed=True).timestamps.tolist() == [0, 300, 600]


def test_rounding_to_samples_and_to_float32_does_not_keep_timestamps_apart():
    rounded = (np.round(every(50, 60_000) * 16) / 16 + 0.2).astype(np.float32)
    rows = common_rows([index({"a": every(50, 60_000)}), index({"a": rounded})], ["a"], NAMES, timed=True)
    assert len(rows.timestamps) == 1201


def test_order_of_rows_within_a_file_does_not_matter():
    times = every(50, 400)
    back = index({"a": times[::-1]})
    rows = common_rows([index({"a": times}), back], ["a"], NAMES, timed=True)
    assert back.timestamps[rows.numbers[1]].tolist() == times.tolist()


def test_own_irregular_timestamps_of_one_model_are_all_taken_if_the_other_has_them():
    times = np.array([0.0, 50, 400, 450])
    rows = common_rows([index({"a": times}), index({"a": every(50, 500)})], ["a"], NAMES, timed=True)
    assert rows.timestamps.tolist() == times.tolist()


def test_a_single_folder_gives_its_rows_as_they_are():
    one = index({"a": np.array([100.0, 0.0]), "b": np.array([7.0])})
    rows = common_rows([one], ["b", "a"], ["one"], timed=True)
    assert rows.timestamps.tolist() == [7, 100, 0]
    assert rows.numbers[0].tolist() == [2, 0, 1]


def test_scenes_lie_side_by_side_by_their_files():
    one = Index(("a", "b"), np.arange(3), np.zeros(0))
    other = Index(("b", "a"), np.arange(3), np.zeros(0))
    rows = common_rows([one, other], ["b", "a"], NAMES, timed=False)
    assert [numbers.tolist() for numbers in rows.numbers] == [[1, 0], [0, 1]]
    assert len(rows.timestamps) == 0


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (every(50, 1000, first_ms=25), "timestamps never meet in a: one every 50 ms and other every 50 ms"),
        (every(53, 1000), "timestamps meet at 0 ms only: one every 50 ms and other every 53 ms"),
        (every(53, 1000, first_ms=50), "timestamps meet once in each clip: one every 50 ms and other every 53 ms"),
        (every(50 - 1 / 32, 2000), "timestamps meet by chance alone, not between 750 and 1999 ms of a: one every 50"),
        (np.zeros(0), "other: has no timestamps"),
    ],
)
def test_timestamps_that_do_not_meet_name_both_models_and_their_steps(times, message):
    with pytest.raises(ValueError, match=f"^{message}[^\n]*$"):
        common_rows([index({"a": every(50, 2000)}), index({"a": times})], ["a"], NAMES, timed=True)


def test_clips_shorter_than_a_hop_have_the_timestamp_0_alone():
    short = index({"a": every(50, 60), "b": every(50, 1000)}), index({"a": every(100, 60), "b": every(100, 1000)})
    assert common_rows(short, ["a", "b"], NAMES, timed=True).offsets.tolist() == [0, 1, 12]
