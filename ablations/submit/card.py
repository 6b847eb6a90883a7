"""A section of a model card in Markdown: scores with intervals and what made them, and metadata that hubs read.

The block of metadata at the top is YAML in the form of Hugging Face's `model-index`; it goes to the top of a card.
"""

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd
import yaml

from ablations.report.heading import origin
from ablations.submit.chosen import Chosen
from results import load
from results.reference.trained_on import matches
from results.rows.rows import task_table
from results.scores.conditions import parts
from results.scores.labels import labels, trained_note, with_trained
from results.scores.notes import notes
from results.scores.scores import scores
from results.tables.escapes import markdown, markdown_table

CONFIDENCE = 0.95
SEVERAL = "No block of metadata: hubs read it as one model's; choose one by --model."
TASK_TYPE = "audio-classification"
METRIC_TYPES = {"top1_acc": "accuracy", "pitch_acc": "accuracy"}
"""Metrics by the name that hubs have for them."""
INTERVALS = (
    f"Intervals: {CONFIDENCE:.0%} confidence, Student's t over folds, over seeds where there is one fold; folds share "
    "training data, so they are rather too narrow. – where there is one fold and one seed."
)


def subject(chosen: Chosen) -> str:
    """The model that a card is about: the only one, or the only trained one; "" where there are several."""
    untrained = set(chosen.rows.loc[chosen.rows["untrained"], "model"])
    for models in (chosen.models, [model for model in chosen.models if model not in untrained]):
        if len(models) == 1:
            return models[0]
    return ""


def to_card(chosen: Chosen, name: str = "", url: str = "") -> str:
    """Write the section of the chosen models, untrained ones labelled.

    Args:
        name: what the model is called, where one is chosen; empty for its name in the run.
        url: where the run is; empty for none.
    """
    model = subject(chosen)
    lines = scores(chosen.rows, CONFIDENCE)
    lines = lines[lines["count"] > 0]
    seen = "\n\n".join(f"- {markdown(note)}" for note in [*_notes(chosen), *trained_note(lines)])
    metadata = [_metadata(chosen, lines[lines["model"] == model], name or model, url)] if model else []
    return "\n".join(
        [
            *metadata,
            "## Evaluation",
            "",
            f"Probes trained on frozen embeddings. {markdown(origin(load(chosen.folder), chosen.record))}",
            "",
            _scores(chosen, lines, name),
            "",
            _models(chosen, lines, name),
            "",
            INTERVALS,
            "",
            seen,
        ]
    ).rstrip("\n")


def _metadata(chosen: Chosen, lines: pd.DataFrame, name: str, url: str) -> str:
    """The block that hubs read: a result for each task of a model, which has a score."""
    known = lines.dropna(subset="mean").assign(trained_on=matches(lines)["data"])
    results = [_result(chosen, line, url) for _, line in known.iterrows()]
    content = {"tags": ["audio", "embeddings", "hear"], "model-index": [{"name": name, "results": results}]}
    block = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120).rstrip()
    return f"---\n{block}\n---\n"


def _result(chosen: Chosen, line: pd.Series, url: str) -> dict[str, Any]:
    about = {"protocol": line["protocol"], "folds": int(line["folds"]), "seeds": int(line["seeds"])}
    about |= {"interval": [_number(line["low"]), _number(line["high"])]} if not math.isnan(line["low"]) else {}
    about |= {"untrained": True} if line["untrained"] else {}
    about |= {"trained_on": line["trained_on"]} if pd.notna(line["trained_on"]) else {}
    metric = {
        "type": METRIC_TYPES.get(line["metric"], line["metric"]),
        "name": line["metric"],
        "value": _number(line["mean"]),
        "args": about,
    }
    result = {
        "task": {"type": TASK_TYPE, "name": "frozen embedding, probe"},
        "dataset": {"name": _title(line["task"]), "type": line["task"]},
        "metrics": [metric],
    }
    return result | ({"source": {"name": chosen.folder.resolve().name, "url": url}} if url else {})


def _scores(chosen: Chosen, lines: pd.DataFrame, name: str) -> str:
    """The table of scores."""
    marked = dict(zip(lines["model"], labels(lines), strict=True))
    table = pd.DataFrame(
        {
            "model": [_called(model, name, marked) for model in lines["model"]],
            "task": lines["task"],
            "metric": lines["metric"],
            "score": with_trained(lines["mean"].map(_text), lines),
            f"{CONFIDENCE:.0%} interval": list(map(_interval, lines["low"], lines["high"])),
            "folds": lines["folds"],
            "seeds": lines["seeds"],
            "protocol": lines["protocol"],
        }
    )
    return markdown_table(table, index=False, disable_numparse=True)


def _models(chosen: Chosen, lines: pd.DataFrame, name: str) -> str:
    """The table of what the models are: spec, weights, precision, fingerprint."""
    marked = dict(zip(lines["model"], labels(lines), strict=True))
    first = chosen.rows[chosen.rows["model"].isin(lines["model"])].drop_duplicates("model")
    first = first.assign(model=[_called(model, name, marked) for model in first["model"]])
    table = first[["model", "spec", "weights", "precision", "embedder_fp"]]
    return markdown_table(table.rename(columns={"embedder_fp": "embedder"}), index=False, disable_numparse=True)


def _notes(chosen: Chosen) -> Iterable[str]:
    """What to know of the scores, and what is missing."""
    lines = notes(chosen.rows, protocol=False)
    keys = set(chosen.rows["task"])
    absent = [key for key in task_table().index if key not in keys]
    if absent and len(absent) < len(task_table()):
        lines.append(f"Tasks of HEAR that the study does not ask for: {', '.join(absent)}.")
    elif absent:
        lines.append("The study asks for none of HEAR's 19 tasks: its own tasks compare with nothing published.")
    if not (chosen.rows["protocol"] == "hear2021").all():
        lines.append("Scores under a protocol other than hear2021 do not compare with published ones.")
    return lines


def _called(model: str, name: str, marked: dict[str, str] | None = None) -> str:
    """The name of a model; with marks where `marked` has them."""
    label = (marked or {}).get(model, model)
    return label.replace(model, name) if name else label


def _title(task: str) -> str:
    """What HEAR's paper calls a task, with its conditions; another task's own name."""
    table, own = task_table(), parts(task)
    return f"{table.loc[own.task, 'paper_name']} (HEAR 2021){own.conditions}" if own.task in table.index else task


def _text(value: float) -> str:
    return "not defined" if math.isnan(value) else f"{value:.3f}"


def _interval(low: float, high: float) -> str:
    return "–" if math.isnan(low) else f"[{low:.3f}, {high:.3f}]"


def _number(value: float) -> float:
    """A score with six digits."""
    return round(float(value), 6)
