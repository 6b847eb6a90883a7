"""`ablate run` and `ablate plan` without a file: models and tasks, a limit, changes of a study, run's folders."""

import pytest
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.study.declaration import NAME
from results import load


@pytest.fixture
def invoke(tmp_path, monkeypatch, scene_task):
    """Invokes a command from a folder with a task `tasks/tones` of 12 clips a split."""
    scene_task("tasks/tones", clips=12)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABLATE_STORE", str(tmp_path / "store"))

    def run(*arguments):
        return CliRunner().invoke(main, [*map(str, arguments)])

    return run


def made(tmp_path):
    return sorted(path.name for path in (tmp_path / "runs").iterdir())


def test_models_and_tasks_are_a_study(invoke, tmp_path):
    asked = ["run", "--model", "logmel", "--model", "melproj", "--task", "tones", "--device", "cpu"]
    result = invoke(*asked)
    assert result.exit_code == 0, result.output
    (name,) = made(tmp_path)
    assert name.startswith("logmel-melproj-tones-")
    assert set(load(tmp_path / "runs" / name)["model"]) == {"logmel", "melproj"}
    again = invoke(*asked)
    assert again.exit_code == 0
    assert made(tmp_path) == [name]
    folder, file = f"runs/{name}", f"runs/{name}/{NAME}"
    commands = (["run", name], ["plan", "--no-measure", folder], ["table", file], ["compare", name], ["report", folder])
    for command in commands:
        result = invoke(*command)
        assert result.exit_code == 0, result.output
    assert made(tmp_path) == [name]


def test_a_limit_makes_other_jobs_in_another_folder(invoke, tmp_path):
    asked = ["run", "--model", "logmel", "--task", "tones", "--device", "cpu"]
    for options in ([], ["--limit", 4], ["--limit", 6]):
        assert invoke(*asked, *options).exit_code == 0
    runs = [load(tmp_path / "runs" / name) for name in made(tmp_path)]
    assert sorted(rows["protocol"].iloc[0] for rows in runs) == ["hear2021", "hear2021+limit4", "hear2021+limit6"]
    assert len({job for rows in runs for job in rows["job"]}) == 3
    whole = load(path for path in (tmp_path / "runs").iterdir())
    assert whole["model"].nunique() == 3, "names are set apart, so that nothing is averaged"


def test_a_changed_study_has_a_folder_of_its_own(invoke, tmp_path):
    study = {"name": "mine", "models": [{"checkpoint": "logmel"}], "tasks": ["tones"]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(study))
    assert invoke("run", "mine.yaml").exit_code == 0
    assert made(tmp_path) == ["mine"]
    for options in (["--set", "models.0.windows_ms=[[320]]"], ["--limit", 3, "--seeds", "1,2"]):
        assert invoke("run", "mine.yaml", *options).exit_code == 0
    assert len(made(tmp_path)) == 3
    assert all(name == "mine" or name.startswith("mine-") for name in made(tmp_path))
    assert set(load(tmp_path / "runs/mine")["spec"]) == {"logmel@mean+std@w160@smax@t50@none"}


def test_a_copied_run_goes_on_in_its_own_folder(invoke, tmp_path):
    assert invoke("run", "--model", "logmel", "--task", "tasks/tones", "--limit", 3).exit_code == 0
    (name,) = made(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs" / name).rename(tmp_path / "elsewhere" / "copy")
    (tmp_path / "elsewhere" / "copy" / "rows.csv").unlink()
    result = invoke("run", "elsewhere/copy")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "elsewhere" / "copy" / "rows.csv").is_file()
    assert made(tmp_path) == []


def test_a_dry_run_is_the_plan(invoke, tmp_path):
    asked = ["--model", "logmel", "--task", "tones", "--limit", "4"]
    dry = invoke("run", *asked, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "1 jobs, 0 done; 8 fits; 12 clips" in dry.stdout
    assert dry.stdout.splitlines()[-2] == invoke("plan", *asked).stdout.splitlines()[-2]
    assert not (tmp_path / "runs").exists()


def test_look_aheads_are_variants_of_every_model(invoke):
    dry = invoke("run", "--model", "logmel", "--task", "tones", "--lookaheads", "centered,0,80", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "1 jobs, 0 done" in dry.stdout, "scenes share a job"


def test_the_paper_is_planned_study_by_study(invoke, tmp_path):
    result = invoke("plan", "paper", "--no-measure", "--out", tmp_path / "plan.csv")
    assert result.exit_code == 1, "its tasks are absent"
    assert "fig5_receptive_field (3 of 14)" in result.stdout
    assert "14 studies, each as if alone (what they share is done once):\n0 jobs, 0 done" in result.stdout
    assert (tmp_path / "plan.csv").read_text().startswith("study,model,task,")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a STUDY (`ablate studies` lists them), or --model and --task"),
        (["quickstart", "--model", "logmel"], "--model makes a study of its own, got STUDY 'quickstart' too"),
        (["--model", "logmel"], "--model needs --task; `ablate tasks` lists them"),
        (["--task", "tones"], "--task goes with --model; name one"),
        (["quickstart", "--levels", "block1"], "--levels goes with --model; --set changes a study"),
        (["quickstart", "--windows", "160"], "--windows goes with --model; --set changes a study"),
        (["quickstart", "--lookaheads", "0"], "--lookaheads goes with --model; --set changes a study"),
        (["quickstart", "--set", "seeds"], "--set must be PATH=VALUE, such as --set models.0.windows_ms='[[320]]'"),
        (["quickstart", "--limit", "0"], "--limit must be a whole number of at least 1, got 0"),
        (["quickstart", "--limit", "few"], "Invalid value for '--limit': 'few' is not a valid integer."),
        (["quickstart", "--seeds", "a"], "--seeds must be whole numbers such as 0,1,2 or 0..4, got 'a'"),
        (["quickstart", "--seeds", "4..2"], "--seeds 4..2 is empty; write 2..4"),
        (["quickstart", "--seeds", "0..2000"], "--seeds must be at most 1000"),
        (["quikstart"], "no study 'quikstart' (did you mean 'quickstart'?); `ablate studies` lists all"),
        (["tasks"], "tasks: no run's folder, it has no study.yaml, study.json or rows.csv"),
        (["tasks/tones"], "tasks/tones: no run's folder, it has no study.yaml, study.json or rows.csv"),
        (["--model", "logmel", "--model", "logmel", "--task", "tones"], "two models have the same spec 'logmel@"),
        (["--model", "logmell", "--task", "tones"], "unknown checkpoint 'logmell' (did you mean 'logmel'"),
        (["--model", "logmel", "--task", "tones", "--levels", "block1..block12"], "logmel: unknown level 'block1'"),
        (["--model", "passt_demo", "--task", "tones", "--levels", "block9..block3"], "write block3..block9"),
        (["--model", "hear:mine", "--task", "tones", "--levels", "x"], "hear:mine: unknown level 'x'"),
        (["--model", "logmel", "--task", "tones", "--windows", "wide"], "windows_ms must be positive whole millis"),
        (
            ["--model", "logmel", "--task", "tones", "--lookaheads", "161"],
            "logmel: lookahead_ms must be at most the",
        ),
        (["--model", "logmel", "--task", "tones", "--lookaheads", "0,,"], "lookahead_ms must be whole milliseconds"),
        (["--model", "hear:mine", "--task", "tones", "--lookaheads", "0"], "hear:mine: lookahead_ms must be None, the"),
        (["--model", "logmel", "--task", "tones", "--protocol", "hear"], "unknown protocol 'hear'"),
        (["--model", "logmel", "--task", "tones", "--dry-run", "--shard", "1/2"], "--dry-run is of the whole study"),
    ],
)
def test_wrong_requests_are_one_line(invoke, tmp_path, arguments, message):
    result = invoke("run", *arguments)
    assert result.exit_code in (1, 2)
    line = result.output.splitlines()[-1]
    assert line.startswith("Error: ")
    assert message in line
    assert not (tmp_path / "runs").exists()


def test_an_absent_task_is_answered_with_the_closest_ones(invoke):
    result = invoke("run", "--model", "logmel", "--task", "tonse")
    assert result.exit_code == 1
    line = result.stderr.splitlines()[-1]
    assert "(did you mean 'tones'?); `ablate tasks` lists all" in line
    assert "dcase2016_task2" not in line


@pytest.mark.parametrize("command", ["table", "figure", "compare", "report"])
def test_commands_that_look_at_a_run_name_what_is_not_there(invoke, command):
    for study, message in (
        ("quikstart", "no study or run 'quikstart' (did you mean 'quickstart'?); `ablate studies` lists all"),
        ("tasks", "tasks: no run's folder, it has no rows.csv"),
        ("no/where", "no run at no/where"),
        ("quickstart", "Error: no rows "),
    ):
        result = invoke(command, study)
        assert result.exit_code == 1
        assert message in result.output
        assert len(result.output.splitlines()) == 1
