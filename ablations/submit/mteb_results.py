"""Result files as the package mteb reads them, of the HEAR tasks that it has with the same clips.

mteb trains few-shot probes on shuffled folds, which no protocol of HEAR does. So no score of a run is handed on: the
embeddings are evaluated anew by mteb's protocol (`ablations.submit.mteb_protocol`), and only where both have the same
clips of the same length. `mteb_tasks.csv` says of each HEAR task what mteb has, and why it does not compare.

The clips stand in HEAR's order, which decides who is in which fold; the order of mteb's data set is not known here. So
a score differs from the package's by that draw. `dataset_revision` names HEAR's folder for this reason, and
`mteb_version` is null, because mteb did not compute it.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ablations.representation.representation import Representation, Representations
from ablations.runs.many import studies_of
from ablations.study.study import Study
from ablations.submit import mteb_protocol
from ablations.submit.chosen import Chosen, grouped
from ablations.system.compute import Machine
from ablations.system.machine import choose_device
from ablations.units.unit import Settings, find_tasks
from ablations.units.where import Where
from downstream.progress import Track, silent
from passt.catalog.spec import EmbeddingSpec
from results.rows.files import write_text
from results.scores.kinds import MEASURED

TABLE = Path(__file__).with_name("mteb_tasks.csv")
ORGANIZATION = "embedding-ablations"
SPLIT = "train"
"""mteb's tasks of this kind have this split alone."""
OTHER_PROTOCOL = (
    f"Scores of the run are left out: mteb fits a logistic regression to {mteb_protocol.CLIPS_A_LABEL} clips a label, "
    f"on {mteb_protocol.FOLDS} shuffled folds, which is no protocol of HEAR. The embeddings were evaluated anew so."
)


@dataclass(frozen=True)
class Written:
    """What was written, and what was not.

    Attributes:
        files: of results and models.
        lines: why a task or a model has no file, and what to know of those that have one.
    """

    files: tuple[Path, ...]
    lines: tuple[str, ...]


def task_table() -> dict[str, dict[str, str]]:
    """Read what mteb has of each HEAR task: key -> mteb_task, clips, languages, why_not (empty where it compares)."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {row["key"]: row for row in csv.DictReader(file)}


def write(
    chosen: Chosen, out: Path, where: Where, machine: Machine, *, name: str = "", url: str = "", track: Track = silent
) -> Written:
    """Evaluate models by mteb's protocol, and write ``results/<model>/<revision>/<task>.json`` and its model_meta.json.

    Args:
        chosen: models of a run; embeddings that the store lacks are extracted.
        out: the folder that `results` goes to; ``mteb.ResultCache(out)`` reads it.
        where, machine: the folders of store and tasks; device and precision.
        name: ``organization/model``, where one model is chosen; empty for a name that is made of the run's.
        url: where the model is.
        track: shows how far the work is.
    """
    reasons = _not_comparable(chosen)
    fits = [key for key in dict.fromkeys(chosen.rows["task"]) if key not in reasons]
    lines = [f"Not comparable: {', '.join(keys)}: {why}." for why, keys in grouped(reasons).items()]
    files: list[Path] = []
    if fits:
        lines += pooled(chosen)
    for embedding in _embeddings(_study(chosen, where), fits, where, machine, track, lines) if fits else ():
        table = task_table()[embedding.named.key]
        x, y = _clips(embedding)
        if len(x) != int(table["clips"]):
            lines.append(f"Not comparable: {embedding.named.key}: {len(x)} clips, mteb has {table['clips']}.")
            continue
        with track(f"{table['mteb_task']} by mteb's protocol", 1) as advance:
            result = result_of(mteb_protocol.evaluate(x, y), table, embedding.named.task.folder.name)
            advance(1)
        for model in embedding.models:
            if model.label in chosen.models:
                meta = meta_of(chosen, model.label, x.shape[1], name, url)
                folder = out / "results" / re.sub("[/ ]", lambda sign: "__" if sign[0] == "/" else "_", meta["name"])
                folder /= meta["revision"]
                for file, content in ((f"{table['mteb_task']}.json", result), ("model_meta.json", meta)):
                    write_text(folder / file, json.dumps(content, indent=2) + "\n")
                    files.append(folder / file)
    lines = [OTHER_PROTOCOL, *dict.fromkeys(lines)] if files else list(dict.fromkeys(lines))
    return Written(tuple(dict.fromkeys(files)), tuple(lines))


def result_of(folds: Sequence[Mapping[str, float]], table: Mapping[str, str], folder: str) -> dict[str, Any]:
    """Make mteb's `TaskResult` of the scores of folds, as JSON has it.

    Args:
        folds: of `mteb_protocol.evaluate`.
        table: the task's row of `task_table`.
        folder: HEAR's name of the task's folder.
    """
    means = {metric: round(float(np.mean([fold[metric] for fold in folds])), 6) for metric in folds[0]}
    scores = {
        "scores_per_experiment": [{metric: round(value, 6) for metric, value in fold.items()} for fold in folds],
        **means,
        "main_score": means["accuracy"],
        "hf_subset": "default",
        "languages": table["languages"].split(),
    }
    return {
        "dataset_revision": f"hear2021:{folder}",
        "task_name": table["mteb_task"],
        "mteb_version": None,
        "scores": {SPLIT: [scores]},
        "evaluation_time": None,
        "kg_co2_emissions": None,
    }


def meta_of(chosen: Chosen, model: str, dim: int, name: str = "", url: str = "") -> dict[str, Any]:
    """Make mteb's `ModelMeta` of a model, as JSON has it; what is not known is null."""
    row = chosen.rows[(chosen.rows["model"] == model) & (chosen.rows["kind"] == MEASURED)].iloc[0]
    unknown = (
        *("loader", "release_date", "languages", "n_parameters", "memory_usage_mb", "max_tokens", "license"),
        *("open_weights", "public_training_code", "public_training_data", "similarity_fn_name", "training_datasets"),
    )
    return {
        **dict.fromkeys(unknown),
        "name": name or f"{ORGANIZATION}/{re.sub(r'[^A-Za-z0-9_.-]+', '-', model).strip('-')}",
        "revision": row["embedder_fp"],
        "embed_dim": dim,
        "framework": ["PyTorch"],
        "reference": url or None,
        "use_instructions": False,
        "modalities": ["audio"],
        "model_type": ["dense"],
    }


def check_name(name: str) -> None:
    """Raise ValueError for a name that mteb does not take."""
    if name and not re.fullmatch(r"[\w.-]+/[\w. -]+", name):
        raise ValueError(f"--name must be ORGANIZATION/MODEL for mteb, got {name!r}")


def _study(chosen: Chosen, where: Where) -> Study:
    """The study of the run with the chosen models that give one vector a clip, on whole tasks."""
    (study,), _ = studies_of(str(chosen.folder), where.runs)
    plain = EmbeddingSpec().pooling
    models = [model for model in study.models if model.label in chosen.models and model.spec.pooling == plain]
    return replace(study, models=tuple(models), protocol="hear2021")


def pooled(chosen: Chosen) -> list[str]:
    """Say which models are no vector a clip without their probe."""
    specs = chosen.rows.drop_duplicates("model").set_index("model")["spec"]
    plain = EmbeddingSpec().pooling
    learned = ", ".join(model for model, spec in specs.items() if EmbeddingSpec.parse(spec).pooling != plain)
    return [f"Not comparable: {learned}: probes pool levels or tokens; mteb takes a vector."] if learned else []


def _not_comparable(chosen: Chosen) -> dict[str, str]:
    """Task of the run -> why mteb has nothing that compares."""
    known = task_table()
    other = "no task of HEAR that mteb has, too"
    reasons = {key: known[key]["why_not"] if key in known else other for key in dict.fromkeys(chosen.rows["task"])}
    return {key: why for key, why in reasons.items() if why}


def _embeddings(
    study: Study, keys: Sequence[str], where: Where, machine: Machine, track: Track, lines: list[str]
) -> list[Representation]:
    """The embeddings of the models on tasks; `lines` gets one for each that is not there."""
    if not study.models:
        return []

    def failed(models: object, task: str, error: Exception) -> None:
        missing.append((task, error))

    missing: list[tuple[str, Exception]] = []
    tasks = [named for named in find_tasks(study, where.tasks, where.store, failed) if named.key in keys]
    absent = [key for key in keys if key not in {named.key for named in tasks}]
    lines += [f"Not evaluated: {task}: {error}" for task, error in missing if task in absent or Path(task).is_dir()]
    if not tasks:
        return []
    settings = Settings.of(study, where, machine, choose_device(machine.device))
    representations = Representations.of(settings, tasks, lambda task: task.splits, track)
    lines += [f"Not evaluated: {failure}" for failure in representations.failures]
    return representations.found


def _clips(embedding: Representation) -> tuple[np.ndarray, np.ndarray]:
    """The embedding of every clip of a task, (clips, dim) float32, and the number of its label, in HEAR's order."""
    splits = embedding.splits()
    task = embedding.named.task
    numbers = {split: {file: place for place, file in enumerate(splits[split].files)} for split in task.splits}
    order = {split: [numbers[split][file] for file in task.items[split]] for split in task.splits}
    x = np.concatenate([np.asarray(splits[split].x[:])[order[split]] for split in task.splits])
    y = np.concatenate([splits[split].y[order[split]].argmax(axis=1) for split in task.splits])
    return np.ascontiguousarray(x, np.float32), y
