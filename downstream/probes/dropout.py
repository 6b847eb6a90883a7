"""The dropout masks of probes: a function of a probe's seed and a counter, the same on every device.

Random bits come from a hash of counters and keys (as of Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2,
3"), so that one program makes the masks of many probes at once, as if each were alone. The finalizer is lowbias32
(C. Wellons, public domain), once for each of two keys.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

CALLS = 256  # keys are made for this many calls at once
WEYL, MIX = np.uint64(0x9E3779B97F4A7C15), (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))  # splitmix64
MULTIPLIERS = tuple(int(np.uint32(m).astype(np.int32)) for m in (0x7FEB352D, 0x846CA68B))
MOST_ITEMS = 1 << 16


class Masks:
    """The masks of probes that are trained together.

    Args:
        seeds: one for each probe, below 2**64.
    """

    def __init__(self, seeds: Sequence[int] | np.ndarray, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self._seeds = np.array(seeds, dtype=np.uint64)
        self._calls = 0
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
        if items > MOST_ITEMS:
            raise ValueError(f"dropout: at most {MOST_ITEMS} items at once, got {items}")
        place = self._calls % CALLS
        if place == 0:
            self._keys = self._next_keys()
        self._calls += 1
        if self._index.shape != (units, items):
            unit, item = (torch.arange(count, dtype=torch.int32, device=self.device) for count in (units, items))
            self._index = (unit * MOST_ITEMS)[:, None] + item  # made on the device: a copy would wait for it
        first, second = self._keys[place, :, :, None, None].unbind(1)
        bits = _mixed(_mixed(self._index ^ first).add_(second))
        # the sign of (highest 16 bits - limit) as a number: comparisons and booleans are slower on a CPU
        above = (bits >> 16).sub_(round(p * 2**16) - 2**15)
        return above.bitwise_right_shift_(31).add_(1).to(torch.float32)

    def select(self, probes: Sequence[int]) -> None:
        """Keep only these probes."""
        self._seeds = self._seeds[list(probes)]
        if self._calls % CALLS:
            self._keys = self._keys[:, list(probes)]

    def _next_keys(self) -> Tensor:
        """The keys of the next calls, (calls, probes, 2) int32: splitmix64 of seed and call."""
        calls = np.arange(self._calls, self._calls + CALLS, dtype=np.uint64)[:, None]
        z = _splitmix(_splitmix(self._seeds) + (calls + np.uint64(1)) * WEYL)
        keys = torch.from_numpy(np.ascontiguousarray(z).view(np.int32).reshape(CALLS, len(self._seeds), 2))
        return keys.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else keys


def _splitmix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * MIX[0]
    z = (z ^ (z >> np.uint64(27))) * MIX[1]
    mixed: np.ndarray = z ^ (z >> np.uint64(31))
    return mixed


def _mixed(x: Tensor) -> Tensor:
    """Mix 32 bits in place; the highest bits are mixed best."""
    for shift, multiplier in zip((16, 15), MULTIPLIERS, strict=True):
        x.bitwise_xor_((x >> shift).bitwise_and_((1 << (32 - shift)) - 1)).mul_(multiplier)
    return x
