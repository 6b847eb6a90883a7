"""Batches read ahead in threads, while the network computes."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from torch import Tensor

from passt.training.data.source import Source

PER_WORKER = 2  # batches in memory


def read_ahead(source: Source, indices: Iterable[int], size: int, workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of those numbers in order; with no workers each is made when it is asked for."""
    if not workers:
        yield from (source.batch(index, size) for index in indices)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="clips") as pool:
        coming: deque[Future[tuple[Tensor, Tensor]]] = deque()
        try:
            for index in indices:
                coming.append(pool.submit(source.batch, index, size))
                if len(coming) > PER_WORKER * workers:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for future in coming:
                future.cancel()
