"""The files of a job: its JSON, which carries the sum of its content, and its predictions, whose sum the JSON has.

A sum is bound to its place by the job's name, which is in the content and names both files. Jobs of earlier versions
carry none, and are taken as they are.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SUM, PREDICTIONS = "sum", "predictions_sha256"
CHOSEN = ("validation_score", "hidden_layers", "lr", "init", "epoch")
"""The keys that describe the probe that was chosen in a fold."""
REMEDY = "`ablate store check --runs RUNS --fix` moves it away, and the next `ablate run` makes it anew"


def sealed(job: Mapping[str, Any], predictions: Path) -> dict[str, Any]:
    """Add the sums of a job's content and of its predictions, to be written as its JSON."""
    content = {**job, PREDICTIONS: sha256_of(predictions)}
    return {**content, SUM: _sum_of(content)}


def parse_job(path: Path, *, whole: bool = True) -> dict[str, Any]:
    """Read the content of a job's JSON.

    Args:
        whole: whether everything that rows are made of has to be present; files without sums may be incomplete.

    Raises:
        ValueError: names a file that is not what was written.
        FileNotFoundError: for no file.
    """
    try:
        if path.exists() and not path.is_file():  # reading a pipe would never end
            raise ValueError
        job: dict[str, Any] = json.loads(path.read_bytes())
        seal = job.pop(SUM, None)
        good = job["job"] == path.stem and (seal == _sum_of(job) if seal or PREDICTIONS in job else True)
        if good and (not whole or _makes_rows(job)):
            return job
    except FileNotFoundError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise ValueError(f"{path}: not the job that was written here")


def read_job(path: Path) -> dict[str, Any]:
    """Read a job as `parse_job` does, whole or not; the error says what to do."""
    try:
        return parse_job(path, whole=False)
    except ValueError as error:
        raise ValueError(f"{error}; {REMEDY}") from None


def _makes_rows(job: Mapping[str, Any]) -> bool:
    chosen = all({"fold", *CHOSEN} <= fold.keys() and dict(fold["scores"]) for fold in job["folds"])
    return chosen and bool(job["folds"]) and isinstance(job["versions"], dict)


def check_predictions(path: Path) -> None:
    """Raise ValueError where a job's predictions are not those that were written with the JSON beside them."""
    job = path.with_suffix(".json")
    if job.is_file() and (known := read_job(job).get(PREDICTIONS)) and sha256_of(path) != known:
        raise ValueError(f"{path}: not the predictions that were written with {job.name}; {REMEDY}")


def sha256_of(path: Path) -> str:
    """Calculate the 64 hex digits of a file's SHA-256."""
    if path.exists() and not path.is_file():  # reading a pipe would never end
        raise ValueError(f"{path}: no regular file; {REMEDY}")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sum_of(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
