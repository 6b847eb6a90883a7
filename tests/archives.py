"""Archives of labelled clips as HEAR task folders with folds of their own.

python -m tests.archives NAME ARCHIVE.zip TASKS makes, by NAME,

esc10: TASKS/esc10-v1, of ESC-10 (K. J. Piczak, 2015), 400 clips of 5 s, 10 classes, folds by the first digit of a name;
fsdd: TASKS/fsdd-v1, of the Free Spoken Digit Dataset, 3000 clips, 10 classes; a fold is a speaker.
"""

import json
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Archive:
    """How an archive's names say file, label and fold. rate: in Hz, of its clips; seconds: of one."""

    task: str
    clip: re.Pattern
    rate: int
    seconds: float


ARCHIVES = {
    "esc10": Archive("esc10", re.compile(r"\d+ - (?P<label>[^/]+)/(?P<file>(?P<fold>[1-5])-[^/]+\.ogg)"), 44100, 5.0),
    "fsdd": Archive("fsdd", re.compile(r"recordings/(?P<file>(?P<label>\d)_(?P<fold>[a-z]+)_\d+\.wav)"), 8000, 1.0),
}


def make(name: str, archive: Path, tasks: Path) -> Path:
    """The task folder, below `tasks`."""
    made = ARCHIVES[name]
    folder = tasks / f"{made.task}-v1"
    with zipfile.ZipFile(archive) as opened:
        clips = [found for member in sorted(opened.namelist()) if (found := made.clip.fullmatch(member))]
        folds = sorted({clip["fold"] for clip in clips})
        items: dict[str, dict[str, list[str]]] = {f"fold{number:02}": {} for number in range(len(folds))}
        for clip in clips:
            split = f"fold{folds.index(clip['fold']):02}"
            items[split][clip["file"]] = [clip["label"]]
            path = folder / str(made.rate) / split / clip["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(opened.read(clip.string))
    for split, labels in items.items():
        (folder / f"{split}.json").write_text(json.dumps(labels, indent=1))
    rows = "".join(f"{index},{label}\n" for index, label in enumerate(sorted({clip["label"] for clip in clips})))
    (folder / "labelvocabulary.csv").write_text("idx,label\n" + rows)
    metadata = {
        "task_name": made.task,
        "version": "v1",
        "embedding_type": "scene",
        "prediction_type": "multiclass",
        "split_mode": "presplit_kfold",
        "sample_duration": made.seconds,
        "evaluation": ["top1_acc"],
        "splits": list(items),
    }
    (folder / "task_metadata.json").write_text(json.dumps(metadata, indent=1))
    return folder


if __name__ == "__main__":
    make(sys.argv[1], *map(Path, sys.argv[2:]))
