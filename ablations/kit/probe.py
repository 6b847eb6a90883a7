"""Score hear-eval-kit's embedding folders by our probes, and write the scores in the kit's format."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from downstream.disk.files import absolute, check_place
from downstream.evaluate import evaluate
from downstream.fold_result import FoldResult
from downstream.kit.read import read_folder
from downstream.kit.scores import NAME, scores_record, write_scores
from downstream.progress import Track, silent

DONE = "prediction-done.json"  # which the kit writes after its scores

logger = logging.getLogger(__name__)


def places(folders: Iterable[Path], out: Path | None = None) -> dict[Path, Path]:
    """Return folder -> the file for its scores, in the folder or in `out`/<its name>/.

    If two folders have the same name, the names of their parents are added.

    Raises:
        ValueError: if two folders share a file, if the kit's own scores would be replaced, if `out` is a file.
    """
    folders = list(dict.fromkeys(folders))
    if out is None:
        for folder in folders:
            if (folder / DONE).is_file():
                raise ValueError(f"{folder / NAME} is hear-eval-kit's own ({DONE} is there); --out keeps both")
        return {folder: folder / NAME for folder in folders}
    if out.exists() and not out.is_dir():
        raise ValueError(f"out: expected a folder, got the file {out}")
    check_place(out)
    names = [Path(absolute(folder).name) for folder in folders]
    if len(set(names)) < len(names):
        names = [Path(*absolute(folder).parts[-2:]) for folder in folders]
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"out: two folders are called {twice}; evaluate them one after the other")
    return {folder: out / name / NAME for folder, name in zip(folders, names, strict=True)}


def probe(
    folder: str | Path,
    file: str | Path | None = None,
    *,
    protocol: str = "hear2021",
    seed: int = 0,
    device: str = "cpu",
    track: Track = silent,
) -> list[FoldResult]:
    """Evaluate an embedding folder and write its scores.

    Args:
        folder: as `export` or hear-eval-kit writes it.
        file: to write; None is the kit's place, ``test.predicted-scores.json`` in the folder.
        protocol: hear2021 with options.
        seed: of initial weights and dropout.
        device: cpu or cuda.

    Raises:
        ValueError, FileNotFoundError: for a folder that is incomplete or damaged.
    """
    task, splits = read_folder(folder)
    logger.info("probes on %s: %s", folder, ", ".join(f"{name} {len(data.y)}" for name, data in splits.items()))
    results = evaluate(task, splits, protocol=protocol, seed=seed, device=device, track=track)
    write_scores(Path(file) if file else Path(folder) / NAME, scores_record(task, results, protocol))
    return results


def scores_table(results: Sequence[FoldResult]) -> pd.DataFrame:
    """Return rows of fold, metric and score; several folds are followed by mean +- standard deviation (ddof 1).

    Means leave NaN out, as hear-eval-kit's do; those of a study's table do not.
    """
    rows = [(r.fold.test, metric, f"{score:.4f}") for r in results for metric, score in r.scores.items()]
    if len(results) > 1:
        scores = pd.DataFrame([dict(result.scores) for result in results])
        rows += [
            ("mean +- std", metric, f"{scores[metric].mean():.4f} +- {scores[metric].std():.4f}") for metric in scores
        ]
    return pd.DataFrame(rows, columns=["fold", "metric", "score"])
