"""Draw folds that keep groups (recordings, speakers) whole and spread labels evenly."""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedGroupKFold


def joined_groups(keys: Sequence[Sequence[Hashable]]) -> np.ndarray:
    """Number groups of items: items that share a key, and chains of such items.

    Args:
        keys: the keys of each item.

    Returns:
        (items,) group numbers from 0.
    """
    places = {key: i for i, key in enumerate(dict.fromkeys(key for row in keys for key in row))}
    items = np.repeat(np.arange(len(keys)), [len(row) for row in keys])
    columns = np.array([len(keys) + places[key] for row in keys for key in row], dtype=np.int64)
    size = len(keys) + len(places)
    edges = coo_array((np.ones(len(items)), (items, columns)), shape=(size, size))
    return np.asarray(connected_components(edges, directed=False)[1][: len(keys)])


def strata(labels: Sequence[Sequence[str]], fewest: int) -> list[str]:
    """The label that an item is balanced by: the rarest of its labels.

    Labels of fewer than `fewest` items can't be in every fold and count as the commonest.
    """
    counts = Counter(label for row in labels for label in row)
    rarest = [min(row, key=lambda label: (counts[label], label), default="") for row in labels]
    sizes = Counter(rarest)
    commonest = min(sizes, key=lambda label: (-sizes[label], label))
    return [label if sizes[label] >= fewest else commonest for label in rarest]


def draw_folds(labels: Sequence[Sequence[str]], groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Draw the fold of each item; equal arguments give equal folds.

    Args:
        labels: the labels of each item.
        groups: (items,) group numbers, as of `joined_groups`.
        folds: number of folds.
        seed: seed of the draw.

    Returns:
        (items,) fold numbers from 0.

    Raises:
        ValueError: there are fewer groups than folds, or a fold stays empty.
    """
    count = len(np.unique(groups))
    if count < folds:
        raise ValueError(f"{folds} folds can't be drawn of {count} groups (files that belong together)")
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    drawn = np.zeros(len(groups), dtype=np.int64)
    classes = strata(labels, folds)
    for number, (_, test) in enumerate(splitter.split(np.zeros((len(groups), 1)), classes, groups)):
        drawn[test] = number
    if len(np.unique(drawn)) < folds:
        raise ValueError(f"{folds} folds can't be drawn of these {count} groups: one of them stays empty; draw fewer")
    return drawn
