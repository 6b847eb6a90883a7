"""The splits of a task: those of the list, or drawn by groups."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ablations.tasks.prepare.clips import Clip
from ablations.tasks.prepare.folds import draw_folds, joined_groups
from ablations.tasks.prepare.listing import Entry, Listing
from ablations.tasks.prepare.options import Options
from ablations.tasks.prepare.targets import bins_of
from downstream.tasks.task import TRAIN_VALID_TEST

FEWEST = 2  # files that a probe can be trained on


def groups_of(entries: Sequence[Entry], clips: Mapping[str, Clip]) -> np.ndarray:
    """Number the sets of files that belong together, by their group or by their sound.

    Returns:
        (entries,) numbers from 0; equal for files of one group or of the same sound, and for chains of such files.
    """
    keys = []
    for entry in entries:
        named = [] if entry.group is None else [("group", entry.group)]
        sound = [("sound", clips[entry.file].digest)] if clips[entry.file].digest else []
        keys.append([*named, *sound])
    return joined_groups(keys)


def group_names(entries: Sequence[Entry], groups: np.ndarray) -> dict[str, str]:
    """Name the group of each file.

    Groups of the list that share a sound are one, named by all of them. Files that share nothing but their sound are
    named by the first of them.

    Args:
        entries: the files.
        groups: (entries,) numbers, as of `groups_of`.

    Returns:
        File -> name; "" for a file that is alone and that the list puts in no group.
    """
    members: dict[int, list[Entry]] = {}
    for entry, number in zip(entries, groups.tolist(), strict=True):
        members.setdefault(number, []).append(entry)
    names: dict[str, str] = {}
    for group in members.values():
        listed = dict.fromkeys(entry.group for entry in group if entry.group is not None)
        first = group[0].file if len(group) > 1 else ""
        names |= {entry.file: " + ".join(listed) or first for entry in group}
    return names


def with_splits(
    listing: Listing, entries: Sequence[Entry], groups: np.ndarray, options: Options
) -> tuple[list[Entry], list[str]]:
    """Draw the splits that the list lacks.

    Args:
        listing: the list.
        entries: its files without those that are left out.
        groups: (entries,) numbers, as of `groups_of`.
        options: number of folds and seed.

    Returns:
        The entries with their splits, and the names of all splits in order.

    Raises:
        ValueError: a split would be empty, or too few files could be trained on; names the list.
    """
    entries = list(entries)
    if listing.split_mode == "new_split_kfold":
        folds = _draw(listing, entries, groups, options)
        entries = [replace(entry, split=f"fold{fold:02}") for entry, fold in zip(entries, folds, strict=True)]
        return entries, [f"fold{fold:02}" for fold in range(options.folds)]
    splits = list(listing.fold_names) if listing.split_mode == "presplit_kfold" else list(TRAIN_VALID_TEST)
    if "valid" in splits and not any(entry.split == "valid" for entry in listing.entries):
        train = [place for place, entry in enumerate(entries) if entry.split == "train"]
        folds = _draw(listing, [entries[place] for place in train], groups[train], options)
        for place, fold in zip(train, folds, strict=True):
            entries[place] = replace(entries[place], split="train" if fold else "valid")
    if empty := [split for split in splits if all(entry.split != split for entry in entries)]:
        raise ValueError(f"{listing.path}: no file is left in {empty[0]}")
    _check_training(listing, entries, splits)
    return entries, splits


def _check_training(listing: Listing, entries: Sequence[Entry], splits: Sequence[str]) -> None:
    """Raise ValueError if a fold of a scene task would have a single file to train on."""
    counts = Counter(entry.split for entry in entries)
    at_test = [counts[split] for split in sorted(splits)]
    folds = [len(entries) - test - valid for test, valid in zip(at_test, [*at_test[1:], at_test[0]], strict=True)]
    fewest = counts["train"] if listing.split_mode == "trainvaltest" else min(folds)
    if listing.embedding_type == "scene" and fewest < FEWEST:
        raise ValueError(f"{listing.path}: at least {FEWEST} files must be trained on, got {fewest}")


def _draw(listing: Listing, entries: Sequence[Entry], groups: np.ndarray, options: Options) -> np.ndarray:
    labels = [entry.labels for entry in entries]
    if listing.is_regression:
        labels = bins_of([entry.target for entry in entries if entry.target is not None])
    try:
        return draw_folds(labels, groups, options.folds, options.seed)
    except ValueError as error:
        raise ValueError(f"{listing.path}: {error}") from None
