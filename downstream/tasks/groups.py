"""The groups of a task's clips.

Clips of one group (a speaker, a recording) are not independent of one another.

``groups.json`` in a task folder maps split -> file -> group. A file that is not listed is a group of its own, and a
task without the file has no groups. hear-eval-kit does not read it. Groups change no score, so they are not part of a
task's fingerprint; comparisons of models resample them.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

GROUPS = "groups.json"
Groups = Mapping[str, Mapping[str, str]]


def read_groups(folder: Path, items: Mapping[str, Mapping[str, Any]]) -> Groups:
    """Read the groups of a task folder; empty if it has none.

    Args:
        items: the task's files: split -> file -> anything.

    Raises:
        ValueError: names the file, the split and the clip.
    """
    path = folder / GROUPS
    if not path.is_file():
        return {}
    try:
        groups = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    if not isinstance(groups, dict):
        raise ValueError(f"{path}: expected a JSON object that maps splits to files and their groups")
    for split, of_split in groups.items():
        if split not in items:
            raise ValueError(f"{path}: split must be one of {', '.join(items)}, got {split!r}")
        if not isinstance(of_split, dict):
            raise ValueError(f"{path}: {split}: expected an object that maps files to groups, got {of_split!r:.80}")
        for file, group in of_split.items():
            if file not in items[split]:
                raise ValueError(f"{path}: {split}: {file} is not a file of {split}.json")
            if not isinstance(group, str) or not group:
                raise ValueError(f"{path}: {split}: {file}: group must be a name, got {group!r}")
    return groups


def groups_of(groups: Groups, split: str, files: Sequence[str]) -> list[str]:
    """The group of each file; "" for a file that is a group of its own."""
    of_split = groups.get(split, {})
    return [of_split.get(file, "") for file in files]
