"""What ARCHITECTURE.md says about adding something: one function and one entry of a table, seen in `ablate`'s output.

A test adds its entry before the command is imported, as a line in the file would. Nothing else is changed.
"""

import io
import re
import shutil
import sys
import types
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from click.testing import CliRunner, Result
from matplotlib.figure import Figure

import ablations.cli
from ablations.benchmarks.record import Record, command_line
from ablations.cli import main
from ablations.cli.benchmark import BENCHMARKS
from ablations.cli.group import COMMANDS
from ablations.engines import ENGINES, Results, make_engine
from ablations.engines.here import Here
from ablations.models import registry
from ablations.models.baselines.logmel import LogMelEmbedder
from ablations.models.registry import Family
from ablations.runs.run import run_study
from ablations.study import study
from ablations.study.study import Study
from ablations.tasks.examples import tasks as example_tasks
from ablations.tasks.examples.clips import Clips
from ablations.tasks.examples.tasks import Example
from ablations.units.unit import Settings, Unit
from ablations.units.where import Where
from downstream.progress import Track, silent
from downstream.scores.metrics import METRICS, Metric
from downstream.tasks.task import Task
from passt.catalog.card import Card
from results.figures import FIGURES
from results.reference import published, sets
from results.rows.rows import read_rows
from results.tables.formats import FORMATS, Format
from tests.conftest import tone

RUNS = Path(__file__).parents[1] / "results" / "runs"


@pytest.fixture
def ablate(monkeypatch) -> Callable[..., Result]:
    """Runs the command line, whose files are imported anew: options list what the tables have."""

    def run(*arguments: object) -> Result:
        for name, module in vars(ablations.cli).copy().items():
            if isinstance(module, types.ModuleType) and name not in (
                "group",
                "benchmark",
            ):  # these have tables themselves
                monkeypatch.delitem(sys.modules, module.__name__)
                monkeypatch.delattr(ablations.cli, name)
        done = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert done.exit_code == 0, done.output
        return done

    return run


def ran(ablate: Callable[..., Result], folder: Path, task: Path, model: dict, **changes) -> pd.DataFrame:
    """The rows of a study of one model on one task, after `ablate run`."""
    file = folder / "mine.yaml"
    content = {"name": "mine", "models": [model], "tasks": [str(task)], "protocol": "hear2021+grid1", **changes}
    file.write_text(yaml.safe_dump(content))
    ablate("run", file, "--runs", folder, "--store", folder / "store")
    return read_rows(folder / "mine")


def test_a_command(ablate, monkeypatch):
    @click.command()
    def hello() -> None:
        click.echo("hello")

    monkeypatch.setitem(sys.modules, "ablations.cli.hello", types.SimpleNamespace(hello=hello))
    monkeypatch.setitem(COMMANDS["Measure"], "hello", ("hello", "Say hello."))
    assert ablate("hello").output == "hello\n"
    assert re.search(r"^  hello +Say hello\.$", ablate("--help").output, flags=re.MULTILINE)


def test_a_figure(ablate, monkeypatch, tmp_path):
    def name_alone(rows: object, title: str | None = None, models: pd.DataFrame | None = None) -> Figure:
        figure = Figure()
        figure.suptitle(title)
        return figure

    monkeypatch.setitem(FIGURES, "name_alone", name_alone)
    ablate("figure", RUNS / "quickstart", "--kind", "name_alone", "--out", tmp_path / "mine")
    assert (tmp_path / "mine.png").stat().st_size > 1000


def test_a_metric(ablate, monkeypatch, tmp_path, scene_task):
    def error_rate(predictions: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        return {"error_rate": float(np.mean(predictions.argmax(1) != targets.argmax(1)))}

    monkeypatch.setitem(METRICS, "error_rate", Metric("error_rate", error_rate, higher_is_better=False))
    rows = ran(ablate, tmp_path, scene_task(evaluation=["top1_acc", "error_rate"]), {"checkpoint": "logmel"})
    scores = rows.set_index("metric")["score"]
    assert scores["error_rate"] == pytest.approx(1 - scores["top1_acc"])


def test_a_model_family(ablate, monkeypatch, tmp_path, scene_task):
    card = Card(
        name="levels_of_mel",
        family="mine",
        sample_rate=32000,
        levels=("mean", "std"),
        default_levels=("mean",),
        default_windows_ms=(160,),
        min_window_ms=20,
        default_weights="none",
        weights=("none",),
    )
    known = registry.families()
    family = Family(cards=(card,), build=LogMelEmbedder, parameters=lambda checkpoint: 0)
    monkeypatch.setattr(registry, "families", lambda: {**known, "mine": family})
    rows = ran(ablate, tmp_path, scene_task(), {"checkpoint": "levels_of_mel"})
    assert set(rows["family"]) == {"mine"}
    assert "levels_of_mel" in ablate("models", "levels_of_mel").output


def test_a_study(ablate, monkeypatch, tmp_path, scene_task):
    content = {"name": "mine", "models": [{"checkpoint": "logmel"}], "tasks": [str(scene_task())]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setattr(study, "FOLDERS", (*study.FOLDERS, tmp_path))
    assert "logmel" in ablate("plan", "mine", "--no-measure", "--runs", tmp_path, "--store", tmp_path / "store").output


def test_a_set_of_published_scores(ablate, monkeypatch, tmp_path):
    folder = tmp_path / "reference"
    shutil.copytree(sets.FOLDER, folder)
    (folder / "added.csv").write_text("model,ESC-50\nm,0.875\n")
    with (folder / "sets.csv").open("a") as file:
        file.write("added,added.csv,,fraction,,a paper\n")
    monkeypatch.setattr(sets, "FOLDER", folder)
    known = sets.SETS
    for module in (sets, published):  # which read the table when they are imported
        monkeypatch.setattr(module, "SETS", (*known, "added"))
    assert "0.875" in ablate("reference", "added").output
    assert "a paper" in ablate("reference").output
    sets.set_rows.cache_clear()


def test_a_kind_of_example_task(ablate, monkeypatch, tmp_path):
    def beeps(clips: Clips, archive: Path, seed: int) -> None:
        for number in range(30):
            sound = tone(300 + 40 * number, 0.2)
            clips.add(f"{number}.flac", sound, 16000, {"label": number % 2, "fold": number % 3, "group": number})

    archive = tmp_path / "fsdd.zip"
    content = io.BytesIO()
    soundfile.write(content, tone(300, 0.1), 16000, format="WAV")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("recordings/0_a_0.wav", content.getvalue())
    monkeypatch.setitem(example_tasks.TASKS, "beeps_small", Example("fsdd", beeps))
    ablate("examples", "tasks", tmp_path / "tasks", "beeps_small", "--fsdd", archive)
    assert Task.from_dir(tmp_path / "tasks" / "beeps_small-v1").labels == ("0", "1")


def test_a_table_format(ablate, monkeypatch):
    monkeypatch.setitem(FORMATS, "tabs", Format(lambda table: table.texts.to_csv(sep="\t"), heading=None))
    assert "\t" in ablate("table", RUNS / "quickstart", "--format", "tabs").output


def test_a_benchmark(ablate, monkeypatch, tmp_path):
    def pauses(track: Track) -> Record:
        """Time a pause."""
        return Record("Seconds of a pause.", [{"seconds": 0.5}], {"seconds": ""})

    file = types.SimpleNamespace(main=command_line(pauses, "ablate benchmark pauses"))
    monkeypatch.setitem(sys.modules, "ablations.benchmarks.pauses", file)
    monkeypatch.setitem(BENCHMARKS, "pauses", ("pauses", "Time a pause."))
    assert "Seconds of a pause." in ablate("benchmark", "pauses", "--out", tmp_path / "pauses.json").output
    assert '"seconds": 0.5' in (tmp_path / "pauses.json").read_text()


def test_an_engine(monkeypatch, tmp_path, scene_task):
    class Backwards(Here):
        def results(self, units: Sequence[Unit], settings: Settings, track: Track = silent) -> Results:
            return super().results(units[::-1], settings, track)

    monkeypatch.setitem(sys.modules, "ablations.engines.backwards", types.SimpleNamespace(Backwards=Backwards))
    monkeypatch.setitem(ENGINES, "backwards", ("ablations.engines.backwards", "Backwards"))
    content = {"name": "mine", "models": [{"checkpoint": "logmel"}], "tasks": [str(scene_task())]}
    mine = Study.from_dict({**content, "protocol": "hear2021+grid1"})
    outcome = run_study(mine, Where.of(tmp_path, tmp_path / "store", None), engine=make_engine("backwards"))
    assert not outcome.failures
    assert len(read_rows(tmp_path / "mine"))
