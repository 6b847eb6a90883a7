"""CnnEmbedder: a convolutional network over log-mel spectrograms, its levels as means over time and frequency."""

import copy
import functools
import itertools
import warnings
from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ablations.models.baselines import cost
from ablations.models.baselines.checkpoints import SAMPLE_RATE, CnnCheckpoint, state_of, table
from passt.catalog.spec import EmbeddingSpec
from passt.network.following import FollowsNetwork
from passt.network.precision import Precision, arithmetic, precision_for
from passt.weights.published import file_tag
from passt.weights.state_dicts import Part
from passt.weights.training_notes import labels_for
from passt.windowed import WindowedEmbedder
from passt.windows.batches import Budget, Rows, forward_in_batches
from passt.windows.waveforms import centred

FORMAT = 1  # part of the fingerprint; raised when the numbers change
STATISTICS = {"melmean": lambda mel: mel.mean(-1), "melstd": lambda mel: mel.std(-1, correction=0)}
"""Levels of the spectrogram itself, (rows, bands, frames) -> (rows, bands)."""
FRAMES_IN_CACHE = {"cpu": 1024, "cuda": 32768}  # on CUDA it is the memory that this bounds
TRIAL_FRAMES = 200


class CnnNet(nn.Module):
    """A network whose levels come from one pass; parameter names are those of the published weights.

    Attributes:
        bands: of the spectrogram. names: its levels, from the input to the output.
        step_by_step: whether fp32 is computed as the original does, norm by norm: where its numbers leave no room for
            another rounding.
        dtype: that convolutions take.
        frames_in_cache: how many frames' maps of the early blocks may be in memory at once; None: all.
    """

    bands: int
    names: tuple[str, ...]
    step_by_step: bool = False
    dtype: torch.dtype = torch.float32
    frames_in_cache: int | None = None

    @abstractmethod
    def forward(self, mel: Tensor, levels: Collection[str]) -> dict[str, Tensor]:
        """(rows, bands, frames) -> {level: (rows, dim)}; ends at the deepest level that is asked for."""


class Spectrograms:
    """Windows of a clip, (rows, samples), as spectrograms that are made when they are asked for."""

    def __init__(self, mel: nn.Module, windows: Tensor) -> None:
        self.mel, self.windows, self.samples = mel, windows, windows.shape[-1]

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, rows: slice) -> Tensor:
        return self.mel(self.windows[rows])


class CnnEmbedder(FollowsNetwork, WindowedEmbedder):
    """What the CNN families share: weights, precision, batches; each gives its network and its front end.

    Args:
        spec: which checkpoint and weights. weights: a file in place of the spec's weights.
        precision: "fp32", the original's numbers; "tf32" or "bf16" where the device has them. In bf16 the weights and
            the inputs of convolutions are rounded; front end, means over time and frequency, and classifier are not.

    Attributes:
        labels: what each of the logits stands for, where the weight file names it.
        net: the network, which may be trained or changed: numbers, name and fingerprint follow
        (`passt.network.following`).

    Raises:
        ValueError, FileNotFoundError: for weights that do not fit or are not there, an unknown precision.
    """

    sample_rate = SAMPLE_RATE
    statistics: tuple[str, ...] = ()
    """Which of `STATISTICS` are levels."""
    head: str
    """The layer whose outputs are the labels, which a file may have for other labels, or lack."""
    optional: tuple[Part, ...] = ()
    """What else a file may lack."""
    bytes_per_frame: int
    """Of memory in a forward pass at width 1, at most."""
    frames_at_once: Mapping[str, int]
    """By type of device, at most."""

    def __init__(
        self, spec: EmbeddingSpec, *, device: str = "cpu", weights: str | Path | None = None, precision: str = "fp32"
    ) -> None:
        self.device = torch.device(device)
        self.precision, self._precision = precision, precision_for(precision, self.device)
        checkpoint = table()[spec.checkpoint]
        self._label = f"{spec.checkpoint}@{spec.weights if weights is None else file_tag(weights)}"
        shapes = self.published_shapes(self.network_on_meta(checkpoint))
        rows = (f"{self.head}.weight", f"{self.head}.bias")
        state = state_of(checkpoint, spec.weights, weights, shapes, (Part(rows, rows), *self.optional))
        self.checkpoint = replace(checkpoint, n_classes=len(state.get(rows[0], ())))
        self.labels = labels_for(weights, self.checkpoint.n_classes)
        if "logits" in spec.levels and not self.checkpoint.n_classes:
            raise ValueError(f"{weights}: has no head, and so no level logits; ask for other levels")
        self.net = self.network_on_meta(self.checkpoint)
        wanted = self.net.state_dict()
        state = {name: state[name] if name in state else torch.empty(wanted[name].shape) for name in wanted}
        self.net.load_state_dict(state, strict=True, assign=True)
        self.net.eval().requires_grad_(False).to(self.device)
        self.mel = self.front_end(self.checkpoint).to(self.device)
        self.dims = self.dims_of(self.checkpoint)
        self._follow()
        most, each = self.frames_at_once[self.device.type], int(self.bytes_per_frame * max(1, self.checkpoint.width))
        self._budget = Budget.of_memory(self.device, most, each)

    @staticmethod
    @abstractmethod
    def network(checkpoint: CnnCheckpoint) -> CnnNet:
        """The checkpoint's network, with as many outputs as it has classes."""

    @classmethod
    def network_on_meta(cls, checkpoint: CnnCheckpoint) -> CnnNet:
        """The network without any values."""
        with torch.device("meta"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # a head of no classes
            return cls.network(checkpoint)

    @staticmethod
    @abstractmethod
    def front_end(checkpoint: CnnCheckpoint) -> nn.Module:
        """(..., samples) -> (..., bands, frames)."""

    @staticmethod
    def published_shapes(net: CnnNet) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor of the published file."""
        return {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}

    def _form(self) -> CnnNet:
        return ready(self.net, self._precision)

    def _settings(self) -> dict[str, Any]:
        settings = {"cnn": self.checkpoint.family, "hop": self.checkpoint.hop, "width": self.checkpoint.width}
        return settings | {"precision": self.precision, "format": FORMAT}

    @classmethod
    @functools.cache
    def dims_of(cls, checkpoint: CnnCheckpoint) -> Mapping[str, int]:
        """Level -> width, from the network itself on shapes alone."""
        net = cls.network_on_meta(checkpoint).eval()
        found = net(torch.empty(1, net.bands, TRIAL_FRAMES, device="meta"), net.names)
        widths = {name: found[name].shape[-1] for name in net.names if found[name].shape[-1]}
        return dict.fromkeys(cls.statistics, net.bands) | widths

    @classmethod
    @functools.cache
    def parameters_of(cls, checkpoint: CnnCheckpoint) -> int:
        """Numbers of the network that training set."""
        return cost.parameters(lambda: cls.network(checkpoint))

    @classmethod
    @functools.cache
    def macs_of(cls, checkpoint: CnnCheckpoint, levels: tuple[str, ...], samples: int) -> int:
        """Multiply-adds of the network for one window, as deep as the levels want; the front end is not counted."""
        if not (deeper := tuple(level for level in levels if level not in STATISTICS)):
            return 0
        with torch.device("meta"):
            net = cls.network(checkpoint).eval()
        return cost.counted(lambda: net, (1, net.bands, cls.frames_of(checkpoint, samples)), deeper)

    @staticmethod
    @abstractmethod
    def frames_of(checkpoint: CnnCheckpoint, samples: int) -> int:
        """How many frames the front end makes of so many samples."""

    def whole(self, clip: Tensor) -> Rows:
        return Spectrograms(self.mel, clip[None])

    def centred(self, clip: Tensor, window: int, hop: int) -> Rows:
        return Spectrograms(self.mel, centred(clip, window, hop))

    def levels(self, views: Sequence[Rows], levels: Sequence[str]) -> dict[str, list[Tensor]]:
        """Every level of every window, in batches of equal length."""

        def frames(view: Rows) -> int:
            return view.samples // self.checkpoint.hop + 1

        with self._computing() as net, arithmetic("highest"):  # the front end is exact in every precision
            forward = functools.partial(self._forward, net, levels=levels)
            return forward_in_batches(
                views, forward, group_of=lambda view: view.samples, cost_of=frames, budget=self._budget
            )

    def _forward(self, net: CnnNet, mels: list[Tensor], levels: Sequence[str]) -> dict[str, Tensor]:
        """The spectrograms of windows of equal length, each (rows, bands, frames), to {level: (all rows, dim)}."""
        mel = torch.cat(mels)
        found = {level: STATISTICS[level](mel) for level in levels if level in STATISTICS}
        if deeper := [level for level in levels if level not in found]:
            with arithmetic(self._precision.matmul):
                found |= net(mel, deeper)
        return found


def ready(net: CnnNet, precision: Precision) -> CnnNet:
    """A form of the network for inference in a precision, on the network's device.

    Norms are folded into the convolutions they follow, whose images are channels-last: on a CPU nothing is then
    reordered between them. (Weights packed for oneDNN are faster for the shape they were packed for alone.)
    """
    as_loaded = net.step_by_step and precision.name == "fp32"
    twin = copy.copy(net) if as_loaded else _folded(net)
    twin.dtype = precision.dtype
    twin.frames_in_cache = FRAMES_IN_CACHE.get(next(net.parameters()).device.type)
    for conv in [module for module in twin.modules() if isinstance(module, nn.Conv2d) and not as_loaded]:
        conv.to(precision.dtype).to(memory_format=torch.channels_last)
    return twin


def _folded(net: CnnNet) -> CnnNet:
    """A copy in which convolutions do what the norms behind them did; folded in float64."""
    twin = copy.deepcopy(net)
    for parent in list(twin.modules()):
        for (name, conv), (norm_name, norm) in itertools.pairwise(list(parent.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, name, fuse_conv_bn_eval(conv.double(), norm.double()).float())
                setattr(parent, norm_name, nn.Identity())
    return twin
