"""Which unit a worker of Ray gets next."""

from collections import Counter
from types import SimpleNamespace

import numpy as np

from ablations.engines.ray.queue import Queue


def units(*groups: str) -> list[SimpleNamespace]:
    return [SimpleNamespace(group=group, number=number) for number, group in enumerate(groups)]


def by_asking_all(waiting, loaded, taken) -> int:
    """The place of the next unit, as a list of units shows it."""
    groups = [unit.group for unit in waiting]
    if loaded in groups:
        return groups.index(loaded)
    free = [place for place, group in enumerate(groups) if group not in taken]
    return free[0] if free else groups.index(Counter(groups).most_common(1)[0][0])


def test_the_embedder_of_the_worker_then_a_free_one_then_the_most_requested():
    queue = Queue(units("a", "a", "b", "b", "b", "c"))
    assert queue.take("b", {"b"}).number == 2
    assert queue.take(None, {"a", "b"}).number == 5
    assert queue.take(None, {"a", "b"}).number == 0
    assert queue.take(None, {"a", "b"}).number == 3
    assert len(queue) == 2


def test_units_come_as_if_all_were_asked():
    draw = np.random.default_rng(0)
    for _ in range(200):
        waiting = units(*sorted(draw.choice(list("abcdef"), 12)))
        queue = Queue(waiting)
        while queue:
            loaded, taken = draw.choice(list("abcdef-")), set(draw.choice(list("abcdef"), 4))
            unit = waiting.pop(by_asking_all(waiting, loaded, taken))
            assert queue.take(loaded, taken) is unit
            if draw.random() < 0.2:
                waiting.insert(0, unit)
                queue.put_back(unit)
                waiting.sort(key=lambda one, first=unit.group: one.group != first)  # its embedder's others follow
    assert not waiting


def test_taking_the_next_unit_asks_one_unit_whatever_their_number():
    asked = Counter()

    class Unit:
        def __init__(self, group: int) -> None:
            self._group = group

        @property
        def group(self) -> int:
            asked["group"] += 1
            return self._group

    for count in (20, 40):
        asked.clear()
        queue = Queue([Unit(number // 2) for number in range(count)])
        while queue:
            queue.take(None, ())
        assert asked["group"] == count
