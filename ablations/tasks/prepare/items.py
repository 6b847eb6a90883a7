"""The items of a task: the name and the value that each clip has in it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ablations.tasks.prepare.clips import Clip
from ablations.tasks.prepare.listing import Entry, Listing


@dataclass(frozen=True)
class Item:
    """A clip of the task.

    Attributes:
        name: its file in the task folder.
        split: the split it is in.
        clip: the file it is made from.
        value: what the split's JSON holds: labels, events, or the target.
        group: name of what it belongs to, such as a speaker or a recording; "" for a clip on its own.
    """

    name: str
    split: str
    clip: Clip
    value: list[Any]
    group: str = ""


def items_of(
    listing: Listing,
    entries: Sequence[Entry],
    clips: Mapping[str, Clip],
    rates: Sequence[int],
    groups: Mapping[str, str],
) -> tuple[Item, ...]:
    """Name every item differently: if two files share a name, their folders become part of it.

    Args:
        listing: the list.
        entries: its files with their splits; events as they are to be written.
        clips: file -> its decoded clip.
        rates: sample rates of the task in Hz.
        groups: file -> name of its group.

    Raises:
        ValueError: two files would have one name; names the list and the line.
    """
    names = [_name(entry.file, clips[entry.file], rates) for entry in entries]
    shared = {name for name, count in Counter(names).items() if count > 1}
    items: dict[str, Item] = {}
    for entry, name in zip(entries, names, strict=True):
        if name in shared:
            folders = [part for part in PurePath(entry.file).parent.parts if part not in ("/", "..")]
            name = "_".join([*folders, name])
        if name in items:
            raise ValueError(f"{listing.place(entry)}: is called {name} in the task, as another file is; rename one")
        items[name] = Item(name, str(entry.split), clips[entry.file], _value(listing, entry), groups[entry.file])
    return tuple(items.values())


def is_copied(clip: Clip, rates: Sequence[int]) -> bool:
    """Whether the file goes into the task as it is.

    It must be mono, at the task's only rate, and read alike by libsndfile.
    """
    return clip.channels == 1 and list(rates) == [clip.rate] and clip.plain


def _name(file: str, clip: Clip, rates: Sequence[int]) -> str:
    return Path(file).name if is_copied(clip, rates) else f"{Path(file).stem}.wav"


def _value(listing: Listing, entry: Entry) -> list[Any]:
    if listing.is_regression:
        return [entry.target]
    if listing.embedding_type == "scene":
        return list(entry.labels)
    return [{"label": event.label, "start": event.start, "end": event.end} for event in entry.events]
