"""Run a study, or models on tasks, from Python."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console

from ablations.door.declared import Declared, Entry, listed
from ablations.door.result import Run
from ablations.engines import Engine, make_engine
from ablations.models.objects.registered import registered
from ablations.runs.run import run_study
from ablations.study.adhoc import Variant, adhoc_study
from ablations.study.overrides import changed
from ablations.study.study import KEYS, Study
from ablations.system.compute import Machine
from ablations.tasks import names
from ablations.terminal.progress import bars
from ablations.units.where import Where
from downstream.disk.fields import shown
from downstream.progress import Track, silent


def run(
    study: Study | str | Path | Mapping[str, Any] | None = None,
    *,
    models: Any = None,
    tasks: str | Path | Sequence[str | Path] | None = None,
    levels: Variant | Sequence[Variant] | None = None,
    windows_ms: Variant | Sequence[Variant] | None = None,
    lookahead_ms: int | str | Sequence[int | str | None] | None = None,
    seeds: Sequence[int] | None = None,
    protocol: str | None = None,
    limit: int | None = None,
    figure: str | None = None,
    sample_rate: int | None = None,
    overrides: Sequence[str] = (),
    runs: str | Path = "runs",
    store: str | Path | None = None,
    tasks_folder: str | Path | None = None,
    device: str | None = None,
    precision: str | None = None,
    engine: str | Engine = "here",
    progress: bool = True,
) -> Run:
    """Run what is missing of a study, or of models on tasks; what was computed before is used again.

    Args:
        study: a `Study`, the name of a packaged one, a YAML file, or a mapping of its keys. Without it, `models` and
            `tasks` make a study whose name is made from its content.
        models: one or several: a name or a spec ("passt_demo@block6"), a HEAR module or its name ("hear:module"), or
            what `ablations.model` takes: a function of (clips, samples), a network, an object with HEAR's methods.
        tasks: one or several: a HEAR key, a packaged task ("digits"), or a task folder.
        levels: embedding levels of every model: "block6", "block6+block12", "block1..block12", "*",
            "block1..block12@weighted".
        windows_ms: receptive fields of every model, such as 160 or "160+640".
        lookahead_ms: how far the windows of every model reach beyond timestamps, in ms; "centered" centers them.
        seeds, protocol, figure: as in YAML.
        limit: the number of clips of each split that are used. Rows say so and never mix with those of whole tasks.
        sample_rate: of the clips that functions take, in Hz, where `ablations.model` or an attribute does not say it.
        overrides: changes of the study, such as "models.0.windows_ms=[[320]]".
        runs, store, tasks_folder: the folders of runs, of embeddings, and of HEAR's tasks.
        device: "cpu" or "cuda"; None for CUDA where there is one.
        precision: fp32, tf32 or bf16; None for the study's.
        engine: "here", or one of `ablations.make_engine`. Python objects run here alone.
        progress: whether a terminal or a notebook shows bars.

    Returns:
        The run, which shows its table.

    Raises:
        ValueError, FileNotFoundError: a model or a task that is not known or breaks its contract, before anything is
            computed; or nothing could be measured.
    """
    where = Where.of(Path(runs), *(None if folder is None else Path(folder) for folder in (store, tasks_folder)))
    changes = _named(seeds=None if seeds is None else listed(seeds), protocol=protocol, limit=limit, figure=figure)
    if study is None:
        if models is None or tasks is None:
            raise ValueError("run needs a study, or models and tasks")
        declared = Declared.of(listed(models), sample_rate)
        axes = {"levels": levels, "windows_ms": windows_ms, "lookahead_ms": lookahead_ms}
        changes |= {name: listed(values) for name, values in _named(**axes).items()} | _named(precision=precision)
        made = adhoc_study(declared.entries, list(map(str, listed(tasks))), overrides=overrides, **changes)
        _check_tasks(made, where)
    else:
        options = {"levels": levels, "windows_ms": windows_ms, "lookahead_ms": lookahead_ms}
        for name in _named(models=models, tasks=tasks, **options):
            raise ValueError(f"{name} are for runs without a study; change the study by overrides")
        texts = [*overrides, *(f"{name}={json.dumps(value)}" for name, value in changes.items())]
        made, declared = _study(study, sample_rate, texts)
    declared.check()
    made_engine = make_engine(engine) if isinstance(engine, str) else engine
    with registered(declared.objects), _bars(progress) as track:
        outcome = run_study(made, where, Machine(device, precision), engine=made_engine, track=track)
    result = Run(outcome.folder)
    reasons = [*outcome.failures, *outcome.not_applicable]
    if reasons and not result.is_measured:
        raise ValueError(f"nothing was measured: {reasons[0]}")
    return result


def evaluate(model: Any, tasks: str | Path | Sequence[str | Path], **options: Any) -> Run:
    """Evaluate a model on tasks.

    Args:
        model: what `run` takes as one of its models, or a list of these.
        tasks: one or several: a HEAR key, a packaged task, or a task folder.
        options: those of `run`, such as limit, seeds, runs and device.

    Returns:
        The run, which shows its table.

    Raises:
        ValueError, FileNotFoundError: as `run`.
    """
    if taken := {"study", "models"} & options.keys():
        raise TypeError(f"evaluate takes no {min(taken)}; run does")
    return run(models=model, tasks=tasks, **options)


def _named(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _study(
    study: Study | str | Path | Mapping[str, Any], sample_rate: int | None, overrides: Sequence[str]
) -> tuple[Study, Declared]:
    """Load a study, and the Python objects that a mapping may have."""
    if isinstance(study, Study):
        if overrides:
            raise ValueError(f"a Study is taken as it is, got {overrides[0]}; hand over its mapping or its file")
        return study, Declared(())
    if isinstance(study, str | Path):
        return Study.load(study, overrides), Declared(())
    if not isinstance(study, Mapping):
        raise ValueError(f"study must be a name, a file, a mapping or a Study, got {shown(study)}")
    declared = Declared.of(listed(study["models"]), sample_rate) if study.get("models") else Declared(())
    content = {**study, **({"models": [_as_mapping(entry) for entry in declared.entries]} if declared.entries else {})}
    return Study.from_dict(changed(content, overrides, KEYS)), declared


def _as_mapping(entry: Entry) -> dict[str, Any]:
    """An entry as YAML has it."""
    return entry if isinstance(entry, dict) else {"checkpoint": entry}


def _check_tasks(study: Study, where: Where) -> None:
    """Raise an error for the first task that is not here."""
    for task in study.tasks:
        names.places(task, where.tasks, where.store, study.folder)


@contextmanager
def _bars(progress: bool) -> Iterator[Track]:
    """Bars where somebody sees them."""
    console = Console(stderr=True)
    notebook = console.is_jupyter and find_spec("ipywidgets") is not None  # without it, rich warns in place of each bar
    if not (progress and (console.is_terminal or notebook)):
        yield silent
        return
    with bars(console) as track:
        yield track
