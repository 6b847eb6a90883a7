"""k nearest neighbors by cosine similarity.

A prediction is the share of an item's k nearest training items that have a label, as by scikit-learn's
`KNeighborsClassifier(metric="cosine")`. The same tensor program runs on a CPU and on CUDA.
"""

import numpy as np
import torch
from torch import Tensor

from downstream.solvers.solver import Solved, Solver

BLOCK_BYTES = 1 << 26  # of similarities at once


def fit(x: np.ndarray, y: np.ndarray, settings: tuple[float, ...], prediction_type: str, device: str) -> Solved:
    """Keep the training items; see `Solver.fit`."""
    keys, targets = _directions(x, device), torch.from_numpy(np.asarray(y, np.float32)).to(device)
    most = int(max(settings))
    rows = max(1, BLOCK_BYTES // (4 * max(len(x), most * y.shape[1])))

    def block(queries: np.ndarray) -> Tensor:
        """Predictions of some items: (settings, items, labels)."""
        nearest = (_directions(queries, device) @ keys.T).topk(most, dim=1).indices
        running = targets[nearest].cumsum(dim=1)
        return torch.stack([running[:, int(k) - 1] / k for k in settings]).cpu()

    def predict(queries: np.ndarray) -> dict[float, np.ndarray]:
        blocks = [block(queries[start : start + rows]) for start in range(0, len(queries), rows)]
        return dict(zip(settings, torch.cat(blocks, dim=1).numpy(), strict=True))

    return Solved(predict)


def _directions(x: np.ndarray, device: str) -> Tensor:
    """Rows of length 1; a row of zeros stays 0, so that all items are equally near to it."""
    rows = torch.from_numpy(np.require(x, np.float32, ["C", "W"])).to(device)
    return torch.nn.functional.normalize(rows, dim=1, eps=torch.finfo(torch.float32).tiny)


NEAREST = Solver("k", (1, 2, 5, 10, 20, 50), False, fit, growth=2.0, most=float)
