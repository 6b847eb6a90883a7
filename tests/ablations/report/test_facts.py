"""Facts of a run."""

from ablations.report import facts
from results import load
from tests.results.statistics.test_versus import CLIPS, made


def test_clips_are_counted_where_there_are_predictions(tmp_path):
    folder = made(tmp_path, seeds=2)
    assert facts.clips(folder, load(folder)) == {"esc50": CLIPS, "fsd50k": CLIPS, "dcase2016_task2": CLIPS}
    for path in (folder / "jobs").glob("*esc50*"):
        path.unlink()
    counts = facts.clips(folder, load(folder))
    assert "esc50" not in counts
    table = facts.tasks(load(folder), None, counts).set_index("task")["test clips"]
    assert table.to_dict() == {"esc50": "–", "fsd50k": str(CLIPS), "dcase2016_task2": str(CLIPS)}
