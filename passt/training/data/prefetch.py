"""Batches that threads read ahead while the network computes."""

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from torch import Tensor

from passt.training.data.source import Source

PER_WORKER = 2  # batches that wait in memory for each thread


def read_ahead(
    source: Source, indices: Iterable[int], size: int, workers: int
) -> Generator[tuple[Tensor, Tensor], None, None]:
    """Read the batches of these numbers, in order.

    Args:
        source: where the batches come from.
        indices: numbers of batches.
        size: clips of a batch.
        workers: threads that read ahead. With 0 each batch is read when it is needed.
    """
    if not workers:
        yield from (source.batch(index, size) for index in indices)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="clips") as pool:
        pending: deque[Future[tuple[Tensor, Tensor]]] = deque()
        try:
            for index in indices:
                pending.append(pool.submit(source.batch, index, size))
                if len(pending) > PER_WORKER * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
