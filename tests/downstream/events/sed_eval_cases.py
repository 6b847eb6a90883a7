"""Cases for events, and what hear-eval-kit and sed_eval make of them.

`score_case` and `decode_case` make a case from its number, the same in every environment. Run with an interpreter that
has hear-eval-kit 2021.1.3 and sed_eval 0.2.1, this file writes tests/reference/sed_eval.npz:

    PYTHON tests/downstream/events/sed_eval_cases.py
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

PATH = Path(__file__).parents[2] / "reference" / "sed_eval.npz"
SCORE_CASES, DECODE_CASES = 3000, 400
SCORES = {
    "event_onset_200ms_fms": ("f_measure", "precision", "recall"),
    "event_onset_50ms_fms": ("f_measure", "precision", "recall"),
    "event_onset_offset_50ms_20perc_fms": ("f_measure", "precision", "recall"),
    "segment_1s_er": ("error_rate",),
}
LABELS = ("bell", "door", "7")
FILTERS_MS = (0, 20, 50, 100, 125, 150, 200, 250, 400, 1000)
DURATIONS_MS = (0, 50, 125, 250)


def stream(kind, number):
    return np.random.Generator(np.random.Philox(key=[kind, number]))


def score_case(number):
    """Reference and predicted events: two dicts, file -> list of (label, start in ms, end in ms)."""
    draw = stream(1, number)
    files = [f"clip{i}.wav" for i in range(draw.integers(1, 4))]
    labels = LABELS[: draw.integers(1, 4)]
    grid = float(draw.choice([50, 50, 100, 1]))  # ms, of the times
    length = int(draw.choice([600, 2000, 6000]))  # ms, the shorter the more crowded
    most = int(draw.choice([0, 1, 3, 3, 8, 8, 8, 16]))
    reference = {file: _events(draw, labels, grid, length, most) for file in files}
    predicted = {}
    for file in files:
        kind = draw.integers(0, 5)
        made = [] if kind == 0 else _events(draw, labels, grid, length, int(draw.choice([0, 2, 8])))
        if kind > 1:  # events of the reference, moved by what the collars allow, or a little more or less
            made += [_moved(draw, event) for event in reference[file] if draw.integers(0, 4)]
        predicted[file] = made
    return reference, predicted


def _events(draw, labels, grid, length, most):
    found = []
    for _ in range(int(draw.integers(0, most + 1))):
        start = grid * int(draw.integers(0, length // int(grid)))
        long = int(draw.choice([0, 50, 100, 250, 1000, 2500]))
        found.append((labels[draw.integers(0, len(labels))], start, start + (grid * (long // int(grid)))))
    if found and draw.integers(0, 4) == 0:
        found.append(found[-1])
    return found


def _moved(draw, event):
    label, start, end = event
    offsets = (-201, -200, -199, -51, -50, -49, -1, 0, 0, 0, 1, 49, 50, 51, 199, 200, 201)
    start = max(0.0, start + float(draw.choice(offsets)))
    end += float(draw.choice([*offsets, 0.2 * (end - event[1]), -0.2 * (end - event[1])]))
    return label, start, max(start, end)


def decode_case(number):
    """Predictions (items, labels) float32, files and timestamps in ms of the items, a filter and a duration in ms."""
    draw = stream(2, number)
    predictions, files, timestamps = [], [], []
    for i in range(int(draw.integers(1, 4))):
        steps = int(draw.integers(8, 60))
        hops = np.full(steps, 50.0) if draw.integers(0, 2) else draw.integers(10, 90, steps).astype(float)
        order = draw.permutation(steps) if draw.integers(0, 3) == 0 else np.arange(steps)
        values = draw.integers(0, 11, (steps, len(LABELS))) / 10.0  # 0.5 among them, which is not positive
        if draw.integers(0, 2):  # stretches
            values = np.repeat(values, 3, axis=0)[:steps]
        predictions.append(values[order])
        timestamps.append(np.cumsum(hops)[order])
        files += [f"clip{i}.wav"] * steps
    filter_ms, duration_ms = int(draw.choice(FILTERS_MS)), int(draw.choice(DURATIONS_MS))
    return np.concatenate(predictions).astype(np.float32), files, np.concatenate(timestamps), filter_ms, duration_ms


def digest():
    """Of all cases: whether they are made the same in another environment."""
    found = hashlib.sha256()
    for number in range(SCORE_CASES):
        found.update(repr(score_case(number)).encode())
    for number in range(DECODE_CASES):
        values, files, timestamps, *settings = decode_case(number)
        found.update(values.tobytes() + timestamps.tobytes() + repr((files, settings)).encode())
    return found.hexdigest()


def main():
    """Write what the kit gives: `scores` (cases, values of SCORES); `counts` (cases, files up to 3) of decoded events,
    and of all of these, in order, `labels`, and `first` and `last`, the places in the file's sorted timestamps."""
    scores = np.array([_scores(*score_case(number)) for number in range(SCORE_CASES)])
    counts, decoded = zip(*(_decoded(*decode_case(number)) for number in range(DECODE_CASES)))  # noqa: B905
    labels, first, last = np.concatenate([np.array(events).reshape(-1, 3) for events in decoded]).T
    small = {"labels": labels.astype(np.uint8), "first": first.astype(np.uint8), "last": last.astype(np.uint8)}
    np.savez_compressed(PATH, digest=digest(), scores=scores, counts=np.array(counts, np.uint8), **small)


def _scores(reference, predicted):
    from heareval.score import available_scores

    def dicts(events):
        return {f: [dict(zip(("label", "start", "end"), e)) for e in found] for f, found in events.items()}  # noqa: B905

    values = []
    for name, parts in SCORES.items():
        score = available_scores[name](label_to_idx={label: i for i, label in enumerate(LABELS)})
        found = dict(score(dicts(predicted), dicts(reference)))
        values += [found[part] for part in parts]
    return values


def _decoded(values, files, timestamps, filter_ms, duration_ms):
    import torch
    from heareval.predictions.task_predictions import get_events_for_all_files

    setting = (("median_filter_ms", filter_ms), ("min_duration", duration_ms))
    names = dict(enumerate(LABELS))
    found = get_events_for_all_files(torch.from_numpy(values), files, torch.tensor(timestamps), names, {}, setting)
    counts, events = [0, 0, 0], []
    for i, (file, decoded) in enumerate(found[setting].items()):
        times = sorted(t for f, t in zip(files, timestamps) if f == file)  # noqa: B905
        counts[i] = len(decoded)
        events += [(LABELS.index(e["label"]), times.index(e["start"]), times.index(e["end"])) for e in decoded]
    return counts, events


if __name__ == "__main__":
    sys.exit(main())
