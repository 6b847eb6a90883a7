"""The dropout masks of probes: a function of a probe's seed and a counter, the same on every device.

Random bits come from a hash of counters and keys (as of Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
3"), so that one program makes the masks of many probes at once, as if each were alone. The finalizer is lowbias32
(C. Wellons, public domain), once for each of two keys. Keys are splitmix64 of the seed and the number of the call.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

CALLS = 256  # keys are made for this many calls at once
WEYL, *MIX = (number - (1 << 64) for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
MULTIPLIERS = tuple(int(np.uint32(m).astype(np.int32)) for m in (0x7FEB352D, 0x846CA68B))
MOST_ITEMS = 1 << 16


class Masks:
    """The masks of probes that are trained together.

    Args:
        seeds: one for each probe, below 2**64.

    Attributes:
        calls: how many masks were drawn.
    """

    def __init__(self, seeds: Sequence[int] | np.ndarray, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self.calls = 0
        self._seeds = np.array(seeds, dtype=np.uint64)
        self._seeds_there: Tensor | None = None  # mixed, on the device
        self._number = torch.zeros((), dtype=torch.int64, device=self.device)  # of the call that the next keys are for
        self._made = 0  # the same number on the host
        self._keys, self._place = torch.empty(0, len(self._seeds), 2), 0
        self._index = torch.empty(0, 0)

    @classmethod
    def stacked(cls, parts: Sequence["Masks"]) -> "Masks":
        """The masks of all probes of some parts, from their beginning."""
        return cls(np.concatenate([part._seeds for part in parts]), parts[0].device)

    def keep(self, p: float, units: int, items: int) -> Tensor:
        """Draw the next masks; more items do not change the masks of the first ones.

        Args:
            p: the share that is dropped, exact to 2**-17.

        Returns:
            (probes, units, items) float32: 0 where dropped, else 1.

        Raises:
            ValueError: for more than 65536 items.
        """
        return kept(*self.draw(units, items), limit_of(p)).to(torch.float32)

    def draw(self, units: int, items: int) -> tuple[Tensor, Tensor]:
        """Draw the next masks as what `kept` makes them of: counters (units, items) and keys (probes, 2), int32.

        Raises:
            ValueError: for more than 65536 items.
        """
        if items > MOST_ITEMS:
            raise ValueError(f"dropout: at most {MOST_ITEMS} items at once, got {items}")
        if self._place == len(self._keys):
            self.align()
            self.make_keys(CALLS)
        if self._index.shape != (units, items):
            unit, item = (torch.arange(count, dtype=torch.int32, device=self.device) for count in (units, items))
            self._index = _folded((unit * MOST_ITEMS)[:, None] + item)  # made on the device: a copy would wait for it
        self._place += 1
        self.calls += 1
        return self._index, self._keys[self._place - 1]

    def align(self) -> None:
        """Make the next keys those of the next call; keys that were made ahead are made again."""
        if self._made != self.calls:
            self._number.fill_(self.calls)
            self._made = self.calls
            self.forget()

    def make_keys(self, calls: int) -> None:
        """Make the keys of the next calls, from the number on the device alone, so that a CUDA graph can repeat it."""
        if self._seeds_there is None:
            seeds = _splitmix(torch.from_numpy(self._seeds.view(np.int64)))
            pinned = seeds.pin_memory() if self.device.type == "cuda" else seeds
            self._seeds_there = pinned.to(self.device, non_blocking=True)
        numbers = torch.arange(1, calls + 1, device=self.device) + self._number
        keys = _splitmix(self._seeds_there + (numbers * WEYL)[:, None])  # (calls, probes)
        self._keys = keys.view(torch.int32).view(calls, -1, 2)
        _folded(self._keys[..., 0])
        self._place = 0
        self._number.add_(calls)
        self._made += calls

    def forget(self) -> None:
        """Forget what was made for several calls."""
        self._keys, self._place = torch.empty(0, len(self._seeds), 2), 0
        self._index = torch.empty(0, 0)

    def passed(self, calls: int) -> None:
        """Count calls that a CUDA graph has made, keys included; below 0, calls that were recorded and not made."""
        self.calls += calls
        self._made += calls
        self.forget()

    def select(self, probes: Sequence[int]) -> None:
        """Keep only these probes."""
        self._seeds = self._seeds[list(probes)]
        self._seeds_there = None
        self.forget()


def limit_of(p: float) -> int:
    """The least value of the highest 16 bits, with sign, that is kept when the share `p` is dropped."""
    return round(p * 2**16) - 2**15


def kept(index: Tensor, keys: Tensor, limit: int) -> Tensor:
    """Make masks of what `Masks.draw` gives.

    Args:
        index: counters, (units, items).
        keys: (probes, 2).
        limit: as `limit_of` gives it.

    Returns:
        (probes, units, items), 0 where dropped, else 1: float32 on a CPU, elsewhere booleans.
    """
    first, second = keys[:, :, None, None].unbind(1)
    bits = (index ^ first).mul_(MULTIPLIERS[0])  # both are folded already
    bits = torch.add(second, _folded(bits, 15), alpha=MULTIPLIERS[1])
    bits = _folded(_folded(bits).mul_(MULTIPLIERS[0]), 15).mul_(MULTIPLIERS[1])
    highest = bits.bitwise_right_shift_(16)  # these are mixed best
    if index.device.type != "cpu":
        return highest >= limit
    # the sign of a difference as a number: comparisons and booleans are slower on a CPU
    return highest.sub_(limit).bitwise_right_shift_(31).add_(1).to(torch.float32)


def _folded(x: Tensor, shift: int = 16) -> Tensor:
    """Combine 32 bits with themselves, shifted down, in place."""
    return x.bitwise_xor_((x >> shift).bitwise_and_((1 << (32 - shift)) - 1))


def _splitmix(z: Tensor) -> Tensor:
    """Mix 64 bits."""
    for shift, multiplier in zip((30, 27), MIX, strict=True):
        z = (z ^ ((z >> shift) & ((1 << (64 - shift)) - 1))) * multiplier
    return z ^ ((z >> 31) & ((1 << 33) - 1))
