"""Train with CUDA graphs: the steps of an epoch are recorded once, and then launched as one.

Small probes compute faster than the host launches their steps. Graphs are used where batches stay on the device,
and after one epoch without them, in which libraries load what they need. Where a graph can't be recorded, training goes
on without, and the log says why. Probes with a learned pooling train without: their gradients come from autograd, whose
threads are not known to be recorded.
"""

import logging
from collections.abc import Sequence
from contextlib import closing

import torch

from downstream.probes import fused
from downstream.probes.feed import Batch, Feed
from downstream.probes.stacked import StackedProbes

logger = logging.getLogger(__name__)

MOST_STEPS = 64  # of one graph; an epoch of more has several
PAYS = 6  # epochs that must be sure to follow: recording takes about as long as one or two without graphs


class Epochs:
    """The epochs of a pack that is one program.

    Args:
        program: the probes.
        feed: their batches.
        device: where they are.
    """

    def __init__(self, program: StackedProbes, feed: Feed, device: str) -> None:
        self.program, self.feed, self.device = program, feed, torch.device(device)
        self.usable = self.device.type == "cuda" and feed.resident
        if self.usable and program.front:
            self.usable = False
            logger.info("probes train without CUDA graphs: autograd computes the gradients of their pooling")
        if self.device.type == "cuda" and fused.pays(self._least_values()):
            program.fuse()
        self._probes = program.chosen
        self._is_warm = False
        self._recorded: list[tuple[torch.cuda.CUDAGraph, list[Batch]]] = []

    def train(self, epoch: int, certain: int) -> None:
        """Train for one epoch.

        Args:
            epoch: its number.
            certain: how many epochs are sure to follow with these probes, this one included.
        """
        if self._probes != self.program.chosen:  # graphs are of tensors that are gone
            self._recorded, self._is_warm, self._probes = [], False, self.program.chosen
        if self.usable and self._is_warm and not self._recorded and certain >= PAYS:
            self._record(list(self.feed.epoch(epoch)))
        if not self._recorded:
            with closing(self.feed.epoch(epoch)) as batches:  # not left to garbage collection, as it has a thread
                for batch in batches:
                    self.program.step(batch)
            self._is_warm = True
            return
        for graph, steps in self._recorded:
            self.program.masks.align()
            graph.replay()
            self.program.passed(len(steps))

    def _least_values(self) -> int:
        """How many values of hidden layers training computes at least, over all epochs."""
        config = self.program.configs[0]
        items = sum(len(self.feed.sources[owner].y) for owner in self.feed.owners)
        return config.patience * config.check_val_every_n_epoch * config.hidden_layers * config.hidden_dim * items

    def _record(self, batches: list[Batch]) -> None:
        """Record the steps of an epoch; without success nothing is recorded, now or later."""
        torch.cuda.empty_cache()  # graphs have memory of their own, about as much as a step without them
        self.program.masks.align()
        try:
            for start in range(0, len(batches), MOST_STEPS):
                steps = batches[start : start + MOST_STEPS]
                self._recorded.append((self._graph(steps), steps))
        except Exception as error:
            self.usable, self._recorded = False, []
            cause = error.__context__ or error  # the end of a recording fails where something in it has failed
            reason = (str(cause) or type(cause).__name__).splitlines()[0]
            logger.info("probes train without CUDA graphs: %s", reason)

    def _graph(self, batches: Sequence[Batch]) -> torch.cuda.CUDAGraph:
        """Record some steps; the host counts them only when they are replayed."""
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.Stream(self.device)
        pool = self._recorded[0][0].pool() if self._recorded else None  # replayed in turn, they share their memory
        before = self.program.steps
        stream.wait_stream(torch.cuda.current_stream(self.device))
        try:
            with torch.cuda.stream(stream):
                graph.capture_begin(pool=pool, capture_error_mode="thread_local")  # other threads may go on
                try:
                    self.program.record(batches)
                finally:
                    graph.capture_end()
        finally:
            self.program.passed(before - self.program.steps)
        return graph
