"""The units that wait for a worker of Ray, by embedder, so that finding the next one does not ask all of them."""

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable

from ablations.units.unit import Group, Unit


class Queue:
    """Units in their order, those of one embedder together."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._groups: OrderedDict[Group, deque[Unit]] = OrderedDict()
        for unit in units:
            self._groups.setdefault(unit.group, deque()).append(unit)

    def __bool__(self) -> bool:
        return bool(self._groups)

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def take(self, loaded: Group | None, taken: Collection[Group]) -> Unit:
        """Take out the next unit for a worker.

        Prefer a unit whose embedder this worker has loaded, then one whose embedder no worker has loaded, then one of
        the most requested embedder.
        """
        if loaded in self._groups:
            group = loaded
        else:
            group = next((group for group in self._groups if group not in taken), None)
        if group is None:
            group = max(self._groups, key=lambda one: len(self._groups[one]))
        unit = self._groups[group].popleft()
        if not self._groups[group]:
            del self._groups[group]
        return unit

    def put_back(self, unit: Unit) -> None:
        """Let a unit be the first to wait."""
        self._groups.setdefault(unit.group, deque()).appendleft(unit)
        self._groups.move_to_end(unit.group, last=False)
