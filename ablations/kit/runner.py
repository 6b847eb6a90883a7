"""hear-eval-kit 2021.1.3 on a current Python; run by the interpreter of an environment that has it (`make kit`).

    .kit/bin/python ablations/kit/runner.py predictions FOLDER... [the kit's own options]
    .kit/bin/python ablations/kit/runner.py embeddings MODULE [the kit's own options]
    .kit/bin/python ablations/kit/runner.py measure REQUEST    JSON in, JSON lines out: for `ablate crosscheck`

This file imports nothing of the project. It repairs three things that do not change what is measured. Checkpoints are
loaded as the kit expects. The test step of event tasks gets the post-processing that was chosen with the best epoch;
current Lightning would look it up under another epoch. If TensorFlow is not installed, an empty module replaces it: the
embedding runner imports it even for torch models.
"""

import contextlib
import functools
import importlib.machinery
import importlib.util
import json
import logging
import os
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> None:
    """Run the command of the command line."""
    warnings.filterwarnings("ignore")
    here = Path(__file__).resolve().parent  # the kit must not import the modules beside this file
    sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != here]
    command, *rest = arguments
    if command == "predictions":
        repaired_predictions()
        from heareval.predictions.runner import runner

        runner(rest)
    elif command == "embeddings":
        without_tensorflow()
        from heareval.embeddings.runner import runner

        runner(rest)
    else:
        measure(json.loads(rest[0]))


def measure(request: dict[str, Any]) -> None:
    """Measure what is requested and print each answer as a line of JSON; the kit's own output is discarded.

    An empty object comes first, as a greeting.
    """
    answers = sys.stdout
    answers.write("{}\n")  # tells the parent process that this script runs
    answers.flush()
    import torch

    torch.set_num_threads(request["threads"])
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        for answer in (embeddings if "module" in request else predictions)(request):
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def predictions(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Evaluate an embedding folder once for each seed: {seed, scores (the kit's file), seconds, epochs of all fits}."""
    kit = repaired_predictions()
    folder = Path(request["folder"])
    metadata = json.loads((folder / "task_metadata.json").read_text())
    _, dim = json.loads((folder / f"{metadata['splits'][0]}.embedding-dimensions.json").read_text())
    epochs = count_epochs(kit)
    seed_everything = kit.seed_everything
    for seed in request["seeds"]:
        kit.seed_everything = functools.partial(reseed, seed_everything, torch_seed=seed)
        epochs.clear()
        start = time.perf_counter()
        kit.task_predictions(
            embedding_path=folder,
            embedding_size=dim,
            grid_points=request["grid_points"],
            gpus=None,
            in_memory=True,
            deterministic=True,
            grid="default",
            logger=logging.getLogger("heareval"),
        )
        seconds = time.perf_counter() - start
        scores = json.loads((folder / "test.predicted-scores.json").read_text())
        yield {"seed": seed, "scores": scores, "seconds": seconds, "epochs": len(epochs)}


def embeddings(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Embed a task by a HEAR module into the folder `out`: {seconds}."""
    without_tensorflow()
    sys.path.append(str(Path(__file__).resolve().parents[2]))  # passt, after the packages of this environment
    from heareval.embeddings.task_embeddings import Embedding, task_embeddings

    embedding = Embedding(request["module"], None, request["options"])
    start = time.perf_counter()
    task_embeddings(embedding, Path(request["task"]), Path(request["out"]))
    yield {"seconds": time.perf_counter() - start}


def repaired_predictions() -> Any:
    """Import the kit's module of predictions and repair it."""
    import torch

    load = torch.load
    torch.load = lambda *args, **options: load(*args, **{**options, "weights_only": False})
    import heareval.predictions.task_predictions as kit

    test = kit.task_predictions_test

    def test_as_chosen(embedding_path: Path, grid_point: Any, **others: Any) -> Any:
        grid_point.predictor.epoch_best_postprocessing_or_default = lambda epoch: grid_point.postprocessing
        return test(embedding_path=embedding_path, grid_point=grid_point, **others)

    kit.task_predictions_test = test_as_chosen
    return kit


def count_epochs(kit: Any) -> list[int]:
    """Return a list that grows by one with every trained epoch."""
    trained: list[int] = []
    kit.AbstractPredictionModel.on_train_epoch_end = lambda model: trained.append(model.current_epoch)
    return trained


def reseed(seed_everything: Callable[..., Any], seed: int, workers: bool = False, *, torch_seed: int) -> None:
    """Seed initial weights and dropout anew; grid points stay those of the kit's seed, 42."""
    import torch

    seed_everything(seed, workers=workers)
    torch.manual_seed(torch_seed)


def without_tensorflow() -> None:
    """Put an empty module in TensorFlow's place if it is not installed."""
    if importlib.util.find_spec("tensorflow") is None:
        stub: Any = types.ModuleType("tensorflow")
        stub.__spec__ = importlib.machinery.ModuleSpec("tensorflow", None)
        stub.Module = type("Module", (), {})
        stub.test = types.SimpleNamespace(is_gpu_available=lambda **_: True)
        sys.modules["tensorflow"] = stub


if __name__ == "__main__":
    main(sys.argv[1:])
