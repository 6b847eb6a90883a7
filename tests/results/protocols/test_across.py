import pandas as pd
import pytest

from results.protocols.across import across
from tests.results.protocols.simulated import answers, write_run

SHARES = {f"m{place}": 0.2 + 0.12 * place for place in range(6)}


@pytest.fixture
def folders(tmp_path):
    tasks = {task: answers(SHARES, 80, 1) for task in ("esc50", "speech_commands_full")}
    return [write_run(tmp_path / name, name, tasks) for name in ("knn", "ridge", "hear2021")]


def test_the_text_has_ranks_and_signs_and_no_score(folders):
    made = across(folders, [("m5", "m0")], resamples=20)
    text = str(made)
    for part in ("## Mean ranks over 2 tasks", "## Agreement of protocols", "## Conclusions", "same under all"):
        assert part in text
    scores = pd.concat([pd.read_csv(folder / "rows.csv") for folder in folders])["score"]
    cells = {cell.strip() for line in text.splitlines() for cell in line.split("|")}
    assert not cells & {f"{score:.3f}" for score in scores}


def test_a_run_without_predictions_is_ranked_and_not_tested(folders):
    for file in (folders[2] / "jobs").iterdir():
        file.unlink()
    made = across(folders, [("m5", "m0")], resamples=20)
    assert made.conclusions is not None
    assert "hear2021" not in made.conclusions
    assert "Not tested, for the run has no predictions (jobs/): hear2021." in str(made)
    for folder in folders[:2]:
        for file in (folder / "jobs").iterdir():
            file.unlink()
    assert across(folders, [("m5", "m0")]).conclusions is None


def test_no_task_in_common(tmp_path):
    first = write_run(tmp_path / "knn", "knn", {"esc50": answers(SHARES, 20, 0)})
    other = write_run(tmp_path / "ridge", "ridge", {"speech_commands_full": answers(SHARES, 20, 0)})
    made = across([first, other])
    assert made.agreement.empty
    assert "No task has scores of two models under every protocol" in str(made)


def test_tables_are_written_without_those_that_there_are_not(folders, tmp_path):
    made = across(folders, resamples=20)
    assert [path.name for path in made.write(tmp_path / "out")] == ["ranks.csv", "agreement.csv"]
