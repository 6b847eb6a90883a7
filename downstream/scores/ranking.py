"""Average precision and the area under the ROC curve, for all labels and all probes at once.

Both are scikit-learn's, ties included. For one label with positives p and other items n:

    average precision = mean over p of (positives that rank at least as high) / (items that rank at least as high)
    area = share of pairs (p, n) in which p ranks higher; a tie counts one half

Only the positives, few of many items, are sorted; a binary search places every item among them. All counts are whole
numbers, so that an area is rounded once.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

PIECE = 1 << 23  # predictions that are ranked at once, at about 20 bytes each


class Ranking:
    """The positive items of each label, among which predictions are ranked.

    Where the targets are on a device, making it waits for them; ranking waits for nothing.

    Args:
        targets: (labels, items); above 0 is positive.
    """

    def __init__(self, targets: Tensor) -> None:
        positive = targets > 0
        self.counts = positive.sum(dim=1)
        label, item = positive.nonzero(as_tuple=True)  # label after label
        place = torch.arange(len(label), device=targets.device) - (self.counts.cumsum(0) - self.counts)[label]
        most = max(1, int(self.counts.max()))
        self.positives = item.new_zeros(len(targets), most).index_put_((label, place), item)
        self.known = torch.arange(most, device=targets.device) < self.counts[:, None]

    def average_precisions(self, predictions: Tensor) -> Tensor:
        """The average precision of each label: (probes, labels, items) -> (probes, labels) float64.

        It is 0 for a label without positives, and NaN for all labels if a prediction of the probe is not finite.
        """
        return self._each(predictions, self._average_precisions)

    def areas(self, predictions: Tensor) -> Tensor:
        """The area under the ROC curve of each label: (probes, labels, items) -> (probes, labels) float64.

        It is NaN for a label of one class, and for all labels if a prediction of the probe is not finite.
        """
        return self._each(predictions, self._areas)

    def _each(self, predictions: Tensor, score: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Score rows (a probe and a label) piece by piece, so that memory is bounded."""
        probes, labels, items = predictions.shape
        rows, size = predictions.reshape(-1, items), max(1, PIECE // items)
        numbers = torch.arange(len(rows), device=rows.device) % labels
        pieces = [
            score(piece.contiguous(), label) for piece, label in zip(rows.split(size), numbers.split(size), strict=True)
        ]
        finite = predictions.isfinite().all(dim=2).all(dim=1)
        return torch.where(finite[:, None], torch.cat(pieces).view(probes, labels), math.nan)

    def _sorted_positives(self, rows: Tensor, label: Tensor) -> Tensor:
        """The predictions of each row's positives, ascending, padded with infinity: (rows, most positives)."""
        return torch.where(self.known[label], rows.gather(1, self.positives[label]), math.inf).sort(dim=1).values

    def _average_precisions(self, rows: Tensor, label: Tensor) -> Tensor:
        positives, count = self._sorted_positives(rows, label), self.counts[label]
        reached = torch.searchsorted(positives, rows, right=True)  # how many positives each item ranks as high as
        at = reached.new_zeros(len(rows), positives.shape[1] + 1)
        at.scatter_add_(1, reached, reached.new_ones(()).expand_as(reached))
        items_as_high = at.flip(1).cumsum(1).flip(1)[:, 1:]
        as_high = count[:, None] - torch.searchsorted(positives, positives)
        precision = torch.where(self.known[label], as_high.double() / items_as_high, 0.0)
        return precision.sum(dim=1) / count.clamp(min=1)

    def _areas(self, rows: Tensor, label: Tensor) -> Tensor:
        positives, count = self._sorted_positives(rows, label), self.counts[label]
        reached = torch.searchsorted(positives, rows, right=True, out_int32=True).sum(dim=1)
        passed = torch.searchsorted(positives, rows, out_int32=True).sum(dim=1)
        items = rows.shape[1]
        twice = 2 * count * items - reached - passed - count**2  # pairs of two positives make the square
        return twice.double() / (2 * count * (items - count))
