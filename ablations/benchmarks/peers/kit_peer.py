"""Times hear-eval-kit's validation of an event task; run by `ablate benchmark events` with an interpreter that has it.

Reads a JSON request from the command line (`threads`, `folder`, `grid`, `metrics`, `labels`); in the folder lie
predictions.npz (`predictions`, `timestamps`, `files` of the items) and events.json (file -> events). Prints a JSON
answer: `seconds` of the whole and of each step, `scores`, `postprocessing`, `versions`.
"""

import contextlib
import importlib.metadata
import json
import math
import sys
import time
import warnings
from pathlib import Path

PACKAGES = ("heareval", "sed_eval", "dcase_util", "numpy", "scipy", "torch")


def validate(kit, request, predictions, files, timestamps, reference):
    """What the kit does at the end of a validation epoch: events for every setting, the best one, all scores."""
    seconds = {}
    names = dict(enumerate(request["labels"]))
    places = {label: index for index, label in names.items()}
    metrics = {name: kit.available_scores[name](label_to_idx=places) for name in request["metrics"]}

    def score(name, events):
        start = time.perf_counter()
        found = metrics[name](events, reference)
        seconds[name] = time.perf_counter() - start
        return found

    start = time.perf_counter()
    found = kit.get_events_for_all_files(predictions, files, timestamps, names, request["grid"])
    seconds["postprocessing"] = time.perf_counter() - start
    tried = []
    for setting, events in found.items():
        primary = score(request["metrics"][0], events)[0][1]
        tried.append((0.0 if math.isnan(primary) else primary, setting))
    chosen = max(tried)[1]
    scores = {}
    for name in request["metrics"]:
        (_, first), *parts = score(name, found[chosen])
        scores |= {name: first, **{f"{name}_{part}": value for part, value in parts}}
    return scores, dict(chosen), {"validation": time.perf_counter() - start, **seconds}


def main():
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
        scores, chosen, seconds = validate(kit, request, predictions, files, timestamps, reference)
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    json.dump({"seconds": seconds, "scores": scores, "postprocessing": chosen, "versions": versions}, sys.stdout)


if __name__ == "__main__":
    main()
