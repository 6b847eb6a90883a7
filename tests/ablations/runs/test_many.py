"""All of the paper's studies with one word, and what is said of tasks that are absent."""

import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.runs import many
from ablations.runs.many import PAPER_STUDIES, studies_of, summary
from ablations.study.study import FOLDERS
from ablations.tasks import archives
from results.rows.rows import task_table
from results.scores.records import read_record


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_paper_is_every_study_of_its_folder_once():
    assert sorted(PAPER_STUDIES) == sorted(path.stem for path in FOLDERS[1].glob("*.yaml"))
    assert [study.name for study in studies_of("paper")[0]] == list(PAPER_STUDIES)
    assert [study.name for study in studies_of("quickstart")[0]] == ["quickstart"]


@pytest.fixture(scope="module")
def without_tasks(tmp_path_factory):
    """`ablate run paper` where no task is there: the folder, and what was said."""
    folder = tmp_path_factory.mktemp("paper")
    places = ["--runs", folder / "runs", "--tasks", folder / "none", "--store", folder / "store", "--device", "cpu"]
    return folder, invoke("run", "paper", *places)


def test_every_study_is_gone_through_and_summed_up(without_tasks):
    folder, result = without_tasks
    assert result.exit_code == 1
    lines = [line.split() for line in result.stdout.splitlines()]
    table = {line[0]: line[1:] for line in lines if line and line[0] in PAPER_STUDIES and len(line) == 6}
    assert list(table) == list(PAPER_STUDIES)
    assert table["fig5_receptive_field"] == ["0", "6", "2", "0", str(folder / "runs/fig5_receptive_field")]
    assert f"fig5_receptive_field (3 of {len(PAPER_STUDIES)})" in result.stdout
    record = read_record(folder / "runs/fig5_receptive_field")
    assert record.finished
    assert (record.figure, record.reference) == ("fig5", ("fig5",))
    assert record.tasks == ("dcase2016_task2", "maestro_5h")


def test_absent_tasks_have_a_line_each_with_how_to_get_them(without_tasks):
    _, result = without_tasks
    lines = {line.split()[1]: line for line in result.stderr.splitlines() if line.startswith("Task ")}
    assert sorted(lines) == sorted(task_table().index)
    assert len([line for line in result.stderr.splitlines() if line.startswith("Task ")]) == len(lines)
    assert not any(line.startswith("Failed") for line in result.stderr.splitlines())
    for key, line in lines.items():
        assert f"`ablate download {key}`" in line
        unseen = not all(archive.seen for archive in archives.archives(key))
        assert ("its archive's name was not seen in public" in line) is unseen


def test_no_weights_are_asked_for_where_no_task_is_there(monkeypatch, tmp_path):
    def never(*args, **kwargs):
        raise AssertionError("built for nothing")

    monkeypatch.setattr("ablations.models.registry.build", never)
    result = invoke("run", "fig5_receptive_field", "--runs", tmp_path / "runs", "--tasks", tmp_path)
    assert result.exit_code == 1
    assert "nothing was measured, so there is no table and no figure" in result.stdout
    assert "built for nothing" not in result.output


def test_a_study_that_can_not_start_does_not_stop_the_others(monkeypatch, tmp_path):
    def broken(study, *places, **options):
        raise ValueError("no device\nhere")

    monkeypatch.setattr(many, "run_study", broken)
    studies = studies_of("paper")[0][:2]
    found = list(many.run_studies(studies))
    assert [(ended.study.name, ended.error) for ended in found] == [(s.name, "no device here") for s in studies]
    assert summary(found)["failures"].tolist() == [1, 1]
    with pytest.raises(ValueError, match="no device"):
        list(many.run_studies(studies[:1]))
