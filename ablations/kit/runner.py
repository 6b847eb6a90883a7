"""hear-eval-kit 2021.1.3 on a current Python; run by the interpreter of an environment that has it (`make kit`).

    .kit/bin/python ablations/kit/runner.py predictions FOLDER... [the kit's own options]
    .kit/bin/python ablations/kit/runner.py embeddings MODULE [the kit's own options]
    .kit/bin/python ablations/kit/runner.py measure REQUEST    JSON in, JSON lines out: for `ablate crosscheck`

This file imports nothing of the project. What it repairs is beside what is measured: checkpoints are loaded as the kit
expects; the test step of event tasks is given the post-processing that was chosen with the best epoch, which current
Lightning would look up under another epoch; TensorFlow, which the embedding runner imports even for torch models, is an
empty module where it is not installed.
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
from pathlib import Path
from typing import Any


def main(arguments: list[str]) -> None:
    """Do what the command line asks for."""
    warnings.filterwarnings("ignore")
    here = Path(__file__).resolve().parent  # its modules are not to be found by the kit's imports
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
    """What a request asks for, with everything that the kit prints thrown away: a JSON line on stdout an answer.

    An empty object comes first, as a greeting.
    """
    answers = sys.stdout
    answers.write("{}\n")  # who asks knows then that this is the script
    answers.flush()
    import torch

    torch.set_num_threads(request["threads"])
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        for answer in (embeddings if "module" in request else predictions)(request):
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


def predictions(request: dict[str, Any]):
    """Evaluates the embedding folder once a seed: {seed, scores (the kit's file), seconds, epochs (trained in all)}."""
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


def embeddings(request: dict[str, Any]):
    """Embeds a task by a HEAR module into the folder `out`: {seconds}."""
    without_tensorflow()
    sys.path.append(str(Path(__file__).resolve().parents[2]))  # passt, behind the packages of this environment
    from heareval.embeddings.task_embeddings import Embedding, task_embeddings

    embedding = Embedding(request["module"], None, request["options"])
    start = time.perf_counter()
    task_embeddings(embedding, Path(request["task"]), Path(request["out"]))
    yield {"seconds": time.perf_counter() - start}


def repaired_predictions() -> types.ModuleType:
    """The kit's module of predictions, with its two repairs."""
    import torch

    load = torch.load
    torch.load = lambda *args, **options: load(*args, **{**options, "weights_only": False})
    import heareval.predictions.task_predictions as kit

    test = kit.task_predictions_test

    def test_as_chosen(embedding_path, grid_point, **others):
        grid_point.predictor.epoch_best_postprocessing_or_default = lambda epoch: grid_point.postprocessing
        return test(embedding_path=embedding_path, grid_point=grid_point, **others)

    kit.task_predictions_test = test_as_chosen
    return kit


def count_epochs(kit: types.ModuleType) -> list[int]:
    """A list that grows by one with every epoch that is trained."""
    trained: list[int] = []
    kit.AbstractPredictionModel.on_train_epoch_end = lambda model: trained.append(model.current_epoch)
    return trained


def reseed(seed_everything, seed: int, workers: bool = False, *, torch_seed: int) -> None:
    """The grid points stay those of the kit's seed, 42; initial weights and dropout are those of another one."""
    import torch

    seed_everything(seed, workers=workers)
    torch.manual_seed(torch_seed)


def without_tensorflow() -> None:
    """Put an empty module in TensorFlow's place, where there is none."""
    if importlib.util.find_spec("tensorflow") is None:
        stub = types.ModuleType("tensorflow")
        stub.__spec__ = importlib.machinery.ModuleSpec("tensorflow", None)
        stub.Module = type("Module", (), {})
        stub.test = types.SimpleNamespace(is_gpu_available=lambda **_: True)
        sys.modules["tensorflow"] = stub


if __name__ == "__main__":
    main(sys.argv[1:])
