"""ESC-10 (K. J. Piczak, 2015) as a HEAR task folder, from its archive: 400 clips, 10 classes, 5 folds.

python -m tests.esc10 ARCHIVE.zip TASKS      makes TASKS/esc10-v1
"""

import json
import re
import sys
import zipfile
from pathlib import Path

CLIP = re.compile(r"\d+ - (?P<label>[^/]+)/(?P<file>(?P<fold>[1-5])-[^/]+\.ogg)")
RATE = 44100  # Hz, of the archive's clips


def make(archive: Path, tasks: Path) -> Path:
    """The folder `tasks`/esc10-v1: classes are the archive's folders, folds the first digit of a clip's name."""
    folder = tasks / "esc10-v1"
    items: dict[str, dict[str, list[str]]] = {f"fold{fold:02}": {} for fold in range(5)}
    with zipfile.ZipFile(archive) as opened:
        for name in sorted(opened.namelist()):
            if found := CLIP.fullmatch(name):
                split = f"fold{int(found['fold']) - 1:02}"
                items[split][found["file"]] = [found["label"]]
                path = folder / str(RATE) / split / found["file"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(opened.read(name))
    for split, clips in items.items():
        (folder / f"{split}.json").write_text(json.dumps(clips, indent=1))
    labels = sorted({label for clips in items.values() for (label,) in clips.values()})
    rows = "".join(f"{index},{label}\n" for index, label in enumerate(labels))
    (folder / "labelvocabulary.csv").write_text("idx,label\n" + rows)
    metadata = {
        "task_name": "esc10",
        "version": "v1",
        "embedding_type": "scene",
        "prediction_type": "multiclass",
        "split_mode": "presplit_kfold",
        "sample_duration": 5.0,
        "evaluation": ["top1_acc"],
        "splits": list(items),
    }
    (folder / "task_metadata.json").write_text(json.dumps(metadata, indent=1))
    return folder


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
