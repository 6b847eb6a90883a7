"""A study whose labels are nasty: nothing that shows it is steered by them."""

import pytest
import yaml

from tests.ablations.tasks.listed import invoke

LABELS = ("a | <img src=x onerror=alert(1)>", "x\x1b]0;title\x07=1+1", r"$\nosuch$ [b]", "[/red] y")


@pytest.fixture
def run(tmp_path, scene_task):
    protocol = "hear2021+grid1+linear"
    models = [
        {"checkpoint": "logmel", "windows_ms": [[160 * (i + 1)]], "label": label} for i, label in enumerate(LABELS)
    ]
    study = {"name": "s", "models": models, "tasks": [str(scene_task("t[/x]-v1"))], "protocol": protocol}
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(study))
    places = ("--runs", tmp_path / "runs")
    return (
        invoke("run", tmp_path / "s.yaml", *places, "--store", tmp_path / "store"),
        ("s", *places),
        tmp_path / "runs/s",
    )


def test_what_is_shown_of_a_study_does_not_obey_its_labels(run):
    done, arguments, folder = run
    assert done.exit_code == 0, done.output
    assert (folder / "figure.png").is_file()
    outputs = [done.output, (folder / "table.md").read_text(), (folder / "table.csv").read_text()]
    for form in ("terminal", "markdown", "latex", "csv", "html"):
        found = invoke("table", *arguments, "--format", form)
        assert found.exit_code == 0, found.output
        outputs.append(found.output)
    assert not any("\x1b" in text or "\x07" in text for text in outputs)
    assert r"a \| &lt;img" in (folder / "table.md").read_text()
