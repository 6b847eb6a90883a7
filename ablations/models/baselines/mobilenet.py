"""EfficientAT's MobileNets: Schmid et al., "Efficient Large-Scale Audio Tagging via Transformer-to-CNN Knowledge
Distillation", ICASSP 2023, and as embeddings "Low-Complexity Audio Embedding Extractors", EUSIPCO 2023.

The network is MobileNetV3-Large (Howard et al. 2019, Table 1) with one input channel, over PaSST's log-mel spectrogram.
"""

from collections.abc import Collection
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from ablations.models.baselines.checkpoints import SAMPLE_RATE, CnnCheckpoint, of_family
from ablations.models.baselines.cnn import CnnEmbedder
from ablations.models.baselines.cnn_net import CnnNet, of_maps
from passt.catalog import demo
from passt.catalog.card import Card
from passt.catalog.checkpoints import MEL_BANDS
from passt.windows.frames import Excerpts
from passt.windows.mel import FFT, MelSpectrogram

MAX_WINDOW_MS, SCENE_HOP_MS = 10_000, 2500  # of scene embeddings, as EfficientAT_HEAR
STEM, LAST, CLASSIFIER = 16, 6, 1280  # channels of the first convolution, growth of the last, hidden units
HEAD = "classifier.5"  # the layer whose outputs are the labels
SQUEEZE = 4
DROPOUT = 0.2  # of the hidden units, in training


class Row(NamedTuple):
    """An inverted residual block, at width 1."""

    kernel: int
    expanded: int
    outputs: int
    squeezes: bool
    activation: type[nn.Module]
    stride: int


LAYOUT = (
    Row(3, 16, 16, False, nn.ReLU, 1),
    Row(3, 64, 24, False, nn.ReLU, 2),
    Row(3, 72, 24, False, nn.ReLU, 1),
    Row(5, 72, 40, True, nn.ReLU, 2),
    Row(5, 120, 40, True, nn.ReLU, 1),
    Row(5, 120, 40, True, nn.ReLU, 1),
    Row(3, 240, 80, False, nn.Hardswish, 2),
    Row(3, 200, 80, False, nn.Hardswish, 1),
    Row(3, 184, 80, False, nn.Hardswish, 1),
    Row(3, 184, 80, False, nn.Hardswish, 1),
    Row(3, 480, 112, True, nn.Hardswish, 1),
    Row(3, 672, 112, True, nn.Hardswish, 1),
    Row(5, 672, 160, True, nn.Hardswish, 2),
    Row(5, 960, 160, True, nn.Hardswish, 1),
    Row(5, 960, 160, True, nn.Hardswish, 1),
)
SQUEEZING = tuple(number for number, row in enumerate(LAYOUT, start=1) if row.squeezes)
MAPS = tuple(f"block{number}" for number in range(len(LAYOUT) + 1))
LEVELS = (
    *MAPS,
    *(f"se{number}" for number in SQUEEZING),
    *("clf1", "clf2", "logits"),
)


def divisible(channels: float, by: int = 8) -> int:
    """Round channels to a multiple of `by`, by at most a tenth downwards."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


def convolution(
    inputs: int, outputs: int, kernel: int, activation: type[nn.Module] | None, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """A convolution, a norm and an activation; only the stride changes the size."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs, eps=0.001), *([activation(inplace=True)] if activation else []))


class Squeeze(nn.Module):
    """The two linear layers of a squeeze and excitation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, divisible(channels / SQUEEZE))
        self.fc2 = nn.Linear(divisible(channels / SQUEEZE), channels)


class SqueezeExcitation(nn.Module):
    """Scale channels by a function of their means; the published names come from a list of such layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conc_se_layers = nn.ModuleList([Squeeze(channels)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scaled input, and the first linear layer's output before its ReLU, (rows, dim)."""
        squeeze = cast(Squeeze, self.conc_se_layers[0])
        squeezed = squeeze.fc1(x.float().mean((2, 3)))
        scale = torch.sigmoid(squeeze.fc2(torch.relu(squeezed)))
        return x * scale[:, :, None, None].to(x.dtype), squeezed


class InvertedResidual(nn.Module):
    """Expand, convolve each channel, squeeze and excite, project; add the input if the shape is the same."""

    def __init__(self, inputs: int, row: Row, width: float) -> None:
        super().__init__()
        expanded, outputs = divisible(row.expanded * width), divisible(row.outputs * width)
        self.residual = row.stride == 1 and inputs == outputs
        layers: list[nn.Module] = []
        if expanded != inputs:
            layers.append(convolution(inputs, expanded, 1, row.activation))
        layers.append(convolution(expanded, expanded, row.kernel, row.activation, row.stride, groups=expanded))
        if row.squeezes:
            layers.append(SqueezeExcitation(expanded))
        layers.append(convolution(expanded, outputs, 1, None))
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the block's output, and that of its squeeze if it has one."""
        y, squeezed = x, None
        for layer in self.block:
            if isinstance(layer, SqueezeExcitation):
                y, squeezed = layer(y)
            else:
                y = layer(y)
        return (x + y if self.residual else y), squeezed


class MobileNet(CnnNet):
    """The network behind the spectrogram.

    Levels: ``block0`` is the stem and ``blockN`` block N's output, averaged over time and frequency; ``seN`` the
    squeeze of block N before its ReLU; ``clf1`` the averaged last convolution, ``clf2`` the classifier's hidden layer,
    ``logits`` its outputs.
    """

    bands = MEL_BANDS
    names = LEVELS
    maps = MAPS

    def __init__(self, width: float, classes: int) -> None:
        super().__init__()
        channels = [divisible(STEM * width), *(divisible(row.outputs * width) for row in LAYOUT)]
        blocks = [InvertedResidual(inputs, row, width) for inputs, row in zip(channels, LAYOUT, strict=False)]
        stem = convolution(1, channels[0], 3, nn.Hardswish, 2)
        last = convolution(channels[-1], LAST * channels[-1], 1, nn.Hardswish)
        hidden = divisible(CLASSIFIER * width)
        self.features = nn.Sequential(stem, *blocks, last)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(LAST * channels[-1], hidden),
            nn.Hardswish(),
            nn.Dropout(DROPOUT),
            nn.Linear(hidden, classes),
        )

    def forward(self, mel: Tensor, levels: Collection[str]) -> dict[str, Tensor]:
        stem, *blocks, last = self.features
        values: dict[str, Tensor] = {}
        x = stem(mel[:, None].to(self.dtype))
        values |= of_maps("block0", x, levels)
        for number, block in enumerate(blocks[: self._deepest(levels)], start=1):
            x, squeezed = block(x)
            if f"se{number}" in levels:
                values[f"se{number}"] = cast(Tensor, squeezed)
            values |= of_maps(f"block{number}", x, levels)
        if not values.keys() >= set(levels):
            pooled = last(x).float().mean((2, 3))
            _, _, to_hidden, activation, dropout, to_logits = self.classifier
            hidden = activation(to_hidden(pooled))
            deepest = {"clf1": pooled, "clf2": hidden, "logits": to_logits(dropout(hidden))}
            values |= {name: value for name, value in deepest.items() if name in levels}
        return values

    def _deepest(self, levels: Collection[str]) -> int:
        if any(level in ("clf1", "clf2", "logits") for level in levels):
            return len(LAYOUT)
        return max(int(level.removeprefix("block").removeprefix("se").partition(".")[0]) for level in levels)


class MobileNetEmbedder(CnnEmbedder):
    """An EfficientAT MobileNet; the scene embedding of a clip over 10 s is the mean over windows every 2.5 s."""

    statistics = ("melmean",)
    bytes_per_frame = 40_000  # 14,000 are in use at the peak of a forward pass, counted on a CPU
    frames_at_once = 2048
    head = HEAD
    min_samples = FFT // 2 + 2  # that the STFT needs
    max_window_ms, max_scene_hop_ms = MAX_WINDOW_MS, SCENE_HOP_MS

    @staticmethod
    def network(checkpoint: CnnCheckpoint) -> MobileNet:
        return MobileNet(checkpoint.width, checkpoint.n_classes)

    @staticmethod
    def front_end(checkpoint: CnnCheckpoint) -> MelSpectrogram:
        return MelSpectrogram(checkpoint.hop)

    @staticmethod
    def frames_of(checkpoint: CnnCheckpoint, samples: int) -> int:
        return (samples - 1) // checkpoint.hop + 1

    def cut(self, clips: Tensor, window: int, hop: int, rows: int) -> Excerpts:
        return Excerpts(cast(MelSpectrogram, self.mel), clips, window, hop, rows)


CARDS = tuple(
    Card(
        name=row.name,
        family="efficientat",
        sample_rate=SAMPLE_RATE,
        levels=(*MobileNetEmbedder.statistics, *LEVELS),
        token_levels=MobileNet.token_names(),
        default_levels=("block5", "block11", "block13", "block15", "melmean"),
        default_windows_ms=(160,),
        min_window_ms=-(-MobileNetEmbedder.min_samples * 1000 // SAMPLE_RATE),
        max_window_ms=MAX_WINDOW_MS,
        precisions=True,
        **(demo.WEIGHTS if row.shipped else {}),
    )
    for row in of_family("efficientat")
)
