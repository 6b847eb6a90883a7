import re

import pytest

from results.protocols.runs import read_runs
from results.rows import rows
from tests.results.protocols.simulated import answers, write_run

MODELS = {f"m{number}": 0.5 for number in range(8)}


def run(folder, protocol: str, models=MODELS):
    return write_run(folder / protocol, protocol, {"esc50": answers(models, 20, 0)})


def changed(folder, **columns):
    table = rows.read_rows(folder).assign(**columns)
    rows.write_rows(table.astype(object).where(table.notna(), None).to_dict("records"), folder / "rows.csv")
    return folder


def refused(folders, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        read_runs(folders)
    assert "\n" not in str(error.value)


def test_other_models_are_named(tmp_path):
    few = dict.fromkeys(("m0", "m1"), 0.5)
    refused(
        [run(tmp_path, "knn"), run(tmp_path, "ridge", few)],
        r"ridge has no model m2, m3, m4, m5 and 2 more, which .*knn has; expected the same",
    )
    refused([tmp_path / "ridge", tmp_path / "knn"], r"ridge has no model m2, m3, m4, m5 and 2 more")


def test_one_protocol_twice_is_refused(tmp_path):
    one, other = run(tmp_path / "a", "knn"), run(tmp_path / "b", "knn")
    refused([one, other], re.escape(f"{one} and {other} are both of protocol knn; expected one run of each"))


def test_one_run_alone_is_refused(tmp_path):
    refused([run(tmp_path, "knn")], "expected two runs or more, each under its own protocol, got 1")


def test_a_run_without_scores_is_refused(tmp_path):
    other = run(tmp_path, "ridge")
    rows.write_rows([], other / "rows.csv")
    refused([run(tmp_path, "knn"), other], "ridge: expected measured rows of one protocol, got none")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("spec", r"model 'm0' is m0 in .*knn and other in .*ridge; expected the same"),
        ("task_fp", r"esc50 has other clips or labels in .*ridge than in .*knn \(task_fp\)"),
        ("embedder_fp", r"m0 on esc50 has other embeddings in .*ridge than in .*knn \(embedder_fp\)"),
    ],
)
def test_other_contents_are_refused(tmp_path, column, message):
    refused([run(tmp_path, "knn"), changed(run(tmp_path, "ridge"), **{column: "other"})], message)


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_runs([run(tmp_path, "knn"), tmp_path])
