"""Result files and the evaluation of this project, read and repeated by the package mteb itself.

    .mteb/bin/python ablations/submit/mteb_check.py REQUEST    JSON in, JSON out

Run by the interpreter of an environment that has mteb (`make mteb`); this file imports nothing of the project. A
request may have `results`, a folder that has ``results/<model>/<revision>/``; `tasks`, names of mteb's tasks; and
`embeddings`, the path of an .npz file with x and y; and `card`, the path of a model card, which huggingface_hub reads.
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

CHECKED = ("is_cross_validation", "n_splits", "samples_per_label", "seed")


def main(request: str) -> None:
    """Answer a request on the standard output."""
    warnings.filterwarnings("ignore")
    asked = json.loads(Path(request).read_text(encoding="utf-8"))
    answer: dict[str, Any] = {"version": version("mteb")}
    for name, answered in (("results", read), ("tasks", described), ("embeddings", evaluated), ("card", hub)):
        if name in asked:
            answer[name] = answered(asked[name])
    sys.stdout.write(f"{json.dumps(answer)}\n")


def read(folder: str) -> list[dict[str, Any]]:
    """Read every result file as mteb does, and the models beside them."""
    import mteb
    from mteb.cache import ResultCache
    from mteb.models.model_meta import ModelMeta

    answers = []
    for file in sorted(Path(folder).glob("results/*/*/model_meta.json")):
        meta = json.loads(file.read_text(encoding="utf-8"))
        ModelMeta.model_validate(meta)
        for path in sorted(set(file.parent.glob("*.json")) - {file}):
            result = mteb.results.TaskResult.from_disk(path, load_historic_data=False)
            kept = result.validate_and_filter_scores(mteb.get_task(result.task_name))
            about = {"model": meta["name"], "revision": meta["revision"], "task": result.task_name}
            place = ResultCache(folder).get_task_result_path(result.task_name, meta["name"], meta["revision"])
            answers.append({**about, "score": kept.get_score(), "is_where_mteb_looks": place == path})
    loaded = ResultCache(folder).load_results(include_remote=False).model_results
    known = {(model.model_name, result.task_name) for model in loaded for result in model.task_results}
    return [{**answer, "loaded": (answer["model"], answer["task"]) in known} for answer in answers]


def described(names: list[str]) -> dict[str, dict[str, Any]]:
    """Say of tasks what decides their scores, as far as the package knows it without its data."""
    import mteb

    answers = {}
    for name in names:
        task = mteb.get_task(name)
        statistics = task.metadata.descriptive_stats or {}
        probe = task.evaluator_model.get_params()
        answers[name] = {
            **{key: getattr(task, key) for key in CHECKED},
            "probe": [type(task.evaluator_model).__name__, probe.get("C"), probe.get("max_iter")],
            "splits": list(task.metadata.eval_splits),
            "languages": list(task.metadata.eval_langs),
            "main_score": task.metadata.main_score,
            "clips": {split: facts["num_samples"] for split, facts in statistics.items()},
            "seconds": {
                split: [facts["audio_statistics"][f"{end}_duration_seconds"] for end in ("min", "max")]
                for split, facts in statistics.items()
            },
        }
    return answers


def evaluated(file: str) -> dict[str, Any]:
    """Score embeddings by mteb's own code."""
    import mteb
    from datasets import Dataset
    from mteb.timing import TimingStack

    arrays = np.load(file)
    task = mteb.get_task("ESC50")
    clips = Dataset.from_dict({"audio": [""] * len(arrays["y"]), task.label_column_name: arrays["y"].tolist()})

    class Encoder:
        def encode(self, *args: Any, **options: Any) -> np.ndarray:
            return np.asarray(arrays["x"])

    task.evaluator_model = task.evaluator_model.set_params(random_state=task.seed)
    scores = task._evaluate_subset_cross_validation(
        Encoder(), {"train": clips}, encode_kwargs={}, hf_split="train", hf_subset="default", timer=TimingStack()
    )
    return {"folds": scores["scores_per_experiment"], "accuracy": scores["accuracy"]}


def hub(file: str) -> dict[str, Any]:
    """Read the metadata of a model card as the hub's own library does."""
    from huggingface_hub import ModelCard

    data = ModelCard.load(file).data
    results = [[one.dataset_type, one.metric_name, one.metric_value] for one in data.eval_results]
    return {"name": data.model_name, "results": results}


if __name__ == "__main__":
    main(sys.argv[1])
