"""Time hear-eval-kit's validation of an event task, for `ablate benchmark events`.

An interpreter that has the kit runs this script. The command line has a JSON request (`threads`, `folder`, `grid`,
`metrics`, `labels`); the folder has predictions.npz (`predictions`, `timestamps`, `files` of the items) and events.json
(file -> events). The answer is JSON: `seconds` of the whole and of each step, `scores`, `postprocessing`, `versions`.
"""

import contextlib
import importlib.metadata
import json
import math
import sys
import time
import warnings
from pathlib import Path
from typing import Any

PACKAGES = ("heareval", "sed_eval", "dcase_util", "numpy", "scipy", "torch")


def validate(
    kit: Any, request: dict[str, Any], predictions: Any, files: list[str], timestamps: Any, reference: dict[str, Any]
) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Do what the kit does at the end of a validation epoch: events for every setting, the best one, all scores.

    Returns:
        The scores, the chosen setting, the seconds of each step.
    """
    seconds: dict[str, float] = {}
    names = dict(enumerate(request["labels"]))
    places = {label: index for index, label in names.items()}
    metrics = {name: kit.available_scores[name](label_to_idx=places) for name in request["metrics"]}

    def score(name: str, events: Any) -> Any:
        start = time.perf_counter()
        values = metrics[name](events, reference)
        seconds[name] = time.perf_counter() - start
        return values

    start = time.perf_counter()
    events_by_setting = kit.get_events_for_all_files(predictions, files, timestamps, names, request["grid"])
    seconds["postprocessing"] = time.perf_counter() - start
    primaries = []
    for setting, events in events_by_setting.items():
        primary = score(request["metrics"][0], events)[0][1]
        primaries.append((0.0 if math.isnan(primary) else primary, setting))
    best = max(primaries)[1]
    scores: dict[str, float] = {}
    for name in request["metrics"]:
        (_, first), *parts = score(name, events_by_setting[best])
        scores |= {name: first, **{f"{name}_{part}": value for part, value in parts}}
    return scores, dict(best), {"validation": time.perf_counter() - start, **seconds}


def main() -> None:
    """Answer the request."""
    import numpy as np
    import torch
    from heareval.predictions import task_predictions as kit

    request = json.loads(sys.argv[1])
    torch.set_num_threads(request["threads"])
    warnings.filterwarnings("ignore")
    folder = Path(request["folder"])
    reference = json.loads((folder / "events.json").read_text())
    with np.load(folder / "predictions.npz") as arrays:
        predictions, timestamps = torch.from_numpy(arrays["predictions"]), torch.from_numpy(arrays["timestamps"])
        files = arrays["files"].tolist()
    with contextlib.redirect_stdout(sys.stderr):
        scores, setting, seconds = validate(kit, request, predictions, files, timestamps, reference)
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    json.dump({"seconds": seconds, "scores": scores, "postprocessing": setting, "versions": versions}, sys.stdout)


if __name__ == "__main__":
    main()
