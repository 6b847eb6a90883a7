"""CnnEmbedder: a convolutional network over log-mel spectrograms, its levels as means over time and frequency.

A level such as ``block4.tokens`` keeps the maps of a layer: a token for each position, as wide as there are channels.
"""

import functools
import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from ablations.models.baselines import counting
from ablations.models.baselines.checkpoints import SAMPLE_RATE, CnnCheckpoint, get, state_of
from ablations.models.baselines.cnn_net import CnnNet, ready
from passt.catalog.spec import EmbeddingSpec
from passt.devices import placed
from passt.network.following import FollowsNetwork
from passt.network.precision import arithmetic, precision_for
from passt.weights.published import file_tag
from passt.weights.state_dicts import Part
from passt.weights.training_notes import labels_for
from passt.windowed import WindowedEmbedder
from passt.windows.batches import Budget, Rows, forward_in_batches
from passt.windows.frames import Excerpts
from passt.windows.waveforms import Windows

FORMAT = 1  # part of the fingerprint; raised when the numbers change
STATISTICS = {"melmean": lambda mel: mel.mean(-1), "melstd": lambda mel: mel.std(-1, correction=0)}
"""Levels of the spectrogram itself, (rows, bands, frames) -> (rows, bands)."""
TRIAL_FRAMES = 200
LONG_FRAMES = 1000  # of which every level keeps as many columns of tokens as of any more


class Spectrograms:
    """Windows of clips as spectrograms that are computed when they are asked for."""

    def __init__(self, mel: nn.Module, windows: Windows) -> None:
        self.mel, self.windows, self.samples = mel, windows, windows.samples

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, rows: slice) -> Tensor:
        mel: Tensor = self.mel(self.windows[rows])
        return mel


class CnnEmbedder(FollowsNetwork, WindowedEmbedder):  # type: ignore[override]  # name and fingerprint follow the net
    """Base of the CNN families: weights, precision and batches; each family adds its network and its front end.

    Args:
        spec: names the checkpoint and its weights.
        device: "cpu" or "cuda".
        weights: a file in place of the spec's weights.
        precision: "fp32", the original's numbers; "tf32" or "bf16" where the device has them. In bf16 the weights and
            the inputs of convolutions are rounded; front end, means over time and frequency, and classifier are not.

    Attributes:
        labels: what each of the logits stands for, if the weight file names it.
        net: the network, which may be trained or changed: numbers, name and fingerprint follow
            (`passt.network.following`).
        mel: the front end, (..., samples) -> (..., bands, frames).
        statistics: which of `STATISTICS` are levels.
        head: the layer whose outputs are the labels; a file may have it for other labels, or lack it.
        optional: what else a file may lack.
        bytes_per_frame: of memory in a forward pass at width 1, at most.
        frames_at_once: in a forward pass on a CPU.

    Raises:
        ValueError: weights that do not fit, or a precision that the device does not have.
        FileNotFoundError: weights that are not here.
    """

    sample_rate = SAMPLE_RATE
    net: CnnNet
    mel: nn.Module
    statistics: tuple[str, ...] = ()
    head: str
    optional: tuple[Part, ...] = ()
    bytes_per_frame: int
    frames_at_once: int

    def __init__(
        self, spec: EmbeddingSpec, *, device: str = "cpu", weights: str | Path | None = None, precision: str = "fp32"
    ) -> None:
        self.device = placed(device)
        self.precision, self._precision = precision, precision_for(precision, self.device)
        checkpoint = get(spec.checkpoint)
        self._label = f"{spec.checkpoint}@{spec.weights if weights is None else file_tag(weights)}"
        shapes = self.published_shapes(self.network_on_meta(checkpoint))
        rows = (f"{self.head}.weight", f"{self.head}.bias")
        state = state_of(checkpoint, spec.weights, weights, shapes, (Part(rows, rows), *self.optional))
        self.checkpoint = replace(checkpoint, n_classes=len(state.get(rows[0], ())))
        self.labels = labels_for(weights, self.checkpoint.n_classes)
        if "logits" in spec.levels and not self.checkpoint.n_classes:
            raise ValueError(f"{weights}: has no head, and so no level logits; ask for other levels")
        self.net = self.network_on_meta(self.checkpoint)
        tensors = self.net.state_dict()
        state = {name: state[name] if name in state else torch.empty(tensors[name].shape) for name in tensors}
        self.net.load_state_dict(state, strict=True, assign=True)
        self.net.eval().requires_grad_(False).to(self.device)
        self.mel = self.front_end(self.checkpoint).to(self.device)
        self.dims = self.dims_of(self.checkpoint)
        self._follow()
        bytes_per_frame = int(self.bytes_per_frame * max(1, self.checkpoint.width))
        self._budget = Budget.of_memory(self.device, self.frames_at_once, bytes_per_frame)

    @staticmethod
    @abstractmethod
    def network(checkpoint: CnnCheckpoint) -> CnnNet:
        """Build the checkpoint's network, with as many outputs as it has classes."""

    @classmethod
    def network_on_meta(cls, checkpoint: CnnCheckpoint) -> CnnNet:
        """Build the network without any values."""
        with torch.device("meta"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # a head of no classes
            return cls.network(checkpoint)

    @staticmethod
    @abstractmethod
    def front_end(checkpoint: CnnCheckpoint) -> nn.Module:
        """Build the front end, (..., samples) -> (..., bands, frames)."""

    @staticmethod
    def published_shapes(net: CnnNet) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor of the published file."""
        return {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}

    def _form(self) -> CnnNet:
        return ready(self.net, self._precision)

    def _settings(self) -> Mapping[str, object]:
        settings = {"cnn": self.checkpoint.family, "hop": self.checkpoint.hop, "width": self.checkpoint.width}
        return settings | {"precision": self.precision, "format": FORMAT}

    @classmethod
    @functools.cache
    def dims_of(cls, checkpoint: CnnCheckpoint) -> Mapping[str, int]:
        """Level -> width, from the network itself on shapes alone."""
        net = cls.network_on_meta(checkpoint).eval()
        names = (*net.names, *net.token_names())
        values = net(torch.empty(1, net.bands, TRIAL_FRAMES, device="meta"), names)
        widths = {name: values[name].shape[-1] for name in names if values[name].shape[-1]}
        return dict.fromkeys(cls.statistics, net.bands) | widths

    @classmethod
    @functools.cache
    def grids_of(cls, checkpoint: CnnCheckpoint, frames: int) -> Mapping[str, tuple[int, int]]:
        """Level -> rows and columns of the tokens that it keeps of so many frames, from the network on shapes alone."""
        net = cls.network_on_meta(checkpoint).eval()
        values = net(torch.empty(1, net.bands, frames, device="meta"), net.token_names())
        return {name: (grid.shape[1], grid.shape[2]) for name, grid in values.items()}

    @classmethod
    def token_grid(cls, checkpoint: CnnCheckpoint, level: str, window_ms: int | None) -> tuple[int, int]:
        """Count the rows and columns of tokens that a level keeps of a window; None is the longest, or a whole clip."""
        length_ms = cls.max_window_ms if window_ms is None else window_ms
        frames = LONG_FRAMES if length_ms is None else cls.frames_of(checkpoint, SAMPLE_RATE * length_ms // 1000)
        return cls.grids_of(checkpoint, frames)[level]

    @classmethod
    @functools.cache
    def parameters_of(cls, checkpoint: CnnCheckpoint) -> int:
        """How many numbers of the network training set."""
        return counting.parameters(lambda: cls.network(checkpoint))

    @classmethod
    @functools.cache
    def macs_of(cls, checkpoint: CnnCheckpoint, levels: tuple[str, ...], samples: int) -> int:
        """Multiply-adds of the network for one window, as deep as the levels need; the front end is not counted."""
        if not (network_levels := tuple(level for level in levels if level not in STATISTICS)):
            return 0
        with torch.device("meta"):
            net = cls.network(checkpoint).eval()
        return counting.macs(lambda: net, (1, net.bands, cls.frames_of(checkpoint, samples)), network_levels)

    @staticmethod
    @abstractmethod
    def frames_of(checkpoint: CnnCheckpoint, samples: int) -> int:
        """How many frames the front end makes of so many samples."""

    def grid(self, level: str, window_ms: int | None) -> tuple[int, int]:
        """Count the rows and columns of tokens that a level keeps of a window."""
        return self.token_grid(self.checkpoint, level, window_ms)

    def cut(self, clips: Tensor, window: int, hop: int, rows: int) -> Spectrograms | Excerpts:
        """Cut windows as spectrograms that are computed when they are asked for."""
        return Spectrograms(self.mel, Windows(clips, window, hop, rows))

    def levels(self, views: Sequence[Rows], levels: Sequence[str]) -> dict[str, list[Tensor]]:
        """Compute every level of every window, in batches of equal length."""

        def samples(view: Rows) -> int:
            return cast(Spectrograms | Excerpts, view).samples  # of `cut`

        def frames(view: Rows) -> int:
            return samples(view) // self.checkpoint.hop + 1

        with self._computing() as net, arithmetic("highest"):  # the front end is exact in every precision
            forward = functools.partial(self._forward, cast(CnnNet, net), levels=levels)
            return forward_in_batches(views, forward, group_of=samples, cost_of=frames, budget=self._budget)

    def _forward(self, net: CnnNet, mels: list[Tensor], levels: Sequence[str]) -> dict[str, Tensor]:
        """Spectrograms of windows of equal length, each (rows, bands, frames), to {level: (all rows, ...)}."""
        mel = torch.cat(mels)
        values = {level: STATISTICS[level](mel) for level in levels if level in STATISTICS}
        if network_levels := [level for level in levels if level not in values]:
            with arithmetic(self._precision.matmul):
                values |= net(mel, network_levels)
        return values
