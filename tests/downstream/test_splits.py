"""Rows of the store become a split in the protocol's order, with their targets and times."""

import numpy as np
import pytest

from downstream.splits import from_store, item_order, one_hot
from downstream.store.extraction import Extraction
from downstream.store.store import TapFolder
from downstream.tasks.task import Task

WIDE, NARROW = ("features", 160), ("mel", None)
DIMS = {WIDE: 3, NARROW: 2}


def row(number: int, dim: int) -> np.ndarray:
    """A row that tells which file and which column it is of."""
    return np.float32(100 * number + 10 * dim) + np.arange(dim, dtype=np.float32)


@pytest.fixture
def stored(tmp_path):
    """Writes every split of a task as a store has it: in an order of its own, so many rows a file."""

    def write(task: Task, steps: int, hop_ms: float = 50.0) -> dict[str, TapFolder]:
        folders = {}
        for split in task.splits:
            folders[split] = TapFolder(tmp_path / "store" / split)
            files = sorted(task.items[split], reverse=True)
            numbers = [list(task.items[split]).index(file) for file in files for _ in range(steps)]
            times = np.tile(np.arange(steps) * hop_ms, len(files)) if task.is_event else np.zeros(0)
            with Extraction.begin(folders[split], DIMS, [files]) as extraction:
                values = {tap: np.stack([row(number, dim) for number in numbers]) for tap, dim in DIMS.items()}
                extraction.append(values, [steps] * len(files), times)
                extraction.finish()
        return folders

    return write


@pytest.mark.parametrize("taps", [[WIDE, NARROW], [NARROW, WIDE], [NARROW]])
def test_taps_stand_side_by_side_in_the_order_asked_for(scene_task, stored, taps):
    task = Task.from_dir(scene_task(clips=5))
    splits = from_store(task, stored(task, steps=1), taps)
    for split, files in item_order(task).items():
        numbers = [list(task.items[split]).index(file) for file in files]
        wanted = [np.concatenate([row(number, DIMS[tap]) for tap in taps]) for number in numbers]
        assert splits[split].files == tuple(files)
        np.testing.assert_array_equal(splits[split].x[:], wanted)
        np.testing.assert_array_equal(
            splits[split].y, one_hot([task.items[split][file] for file in files], task.labels)
        )


def test_steps_keep_their_clip_and_their_time(event_task, stored):
    task, steps = Task.from_dir(event_task(clips=4)), 30
    splits = from_store(task, stored(task, steps), [WIDE])
    for split, files in item_order(task).items():
        found = splits[split]
        assert found.offsets.tolist() == [steps * i for i in range(len(files) + 1)]
        np.testing.assert_array_equal(found.timestamps, np.tile(np.arange(steps) * 50.0, len(files)))
        for i, file in enumerate(files):
            rows = slice(found.offsets[i], found.offsets[i + 1])
            assert set(found.x[rows][:, 0]) == {row(list(task.items[split]).index(file), 3)[0]}
            for label, name in enumerate(task.labels):
                (event,) = [event for event in task.items[split][file] if event.label == name]
                inside = (found.timestamps[rows] >= event.start) & (found.timestamps[rows] <= event.end)
                np.testing.assert_array_equal(found.y[rows][:, label], inside)
