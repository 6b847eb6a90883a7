"""CNN14 of PANNs: Kong et al., "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern Recognition",
IEEE/ACM TASLP 28, 2020, as the package panns_inference 0.1.1 has it.

Timestamp embeddings are of windows around each multiple of the timestamp hop, as PaSST's. The submission of PANNs to
HEAR 2021 took frames of one pass, and gave their times in seconds although HEAR asks for ms. Hence its zeros on the
timestamp tasks of the leaderboard, which say nothing about the network.
"""

import functools
from collections import defaultdict
from collections.abc import Collection
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ablations.models.baselines.checkpoints import SAMPLE_RATE, CnnCheckpoint, of_family
from ablations.models.baselines.cnn import CnnEmbedder
from ablations.models.baselines.cnn_net import CnnNet, grid_of, of_maps
from passt.catalog.card import Card
from passt.catalog.spec import EmbeddingSpec
from passt.tokens import TOKENS, averaged, capped, caps
from passt.weights.state_dicts import Part

BANDS = 64
FFT = 1024  # samples, of the window too
FMIN, FMAX = 50.0, 14000.0  # Hz
CHANNELS = (64, 128, 256, 512, 1024, 2048)
HEAD = "fc_audioset"  # the layer whose outputs are the labels
EARLY = 3  # blocks whose maps are large
REACH = 16  # frames on either side: at least the 14 that these blocks see, and a multiple of their poolings
POOLINGS = 5  # halvings of time: the fewest frames are 2 ** 5
FIXED = {
    "spectrogram_extractor.stft.conv_real.weight": (FFT // 2 + 1, 1, FFT),
    "spectrogram_extractor.stft.conv_imag.weight": (FFT // 2 + 1, 1, FFT),
    "logmel_extractor.melW": (FFT // 2 + 1, BANDS),
}
"""Tensors of the published file that are constants: the Fourier transform and the mel bands."""


class LogMel(nn.Module):
    """CNN14's front end: power STFT, Slaney mel bands, 10 log10.

    Shape:
        (..., samples) at 32 kHz -> (..., 64, frames), frames = samples // hop + 1; at least 513 samples.
    """

    window: Tensor
    bands: Tensor

    def __init__(self, hop: int) -> None:
        super().__init__()
        self.hop = hop
        self.register_buffer("window", torch.hann_window(FFT, dtype=torch.float32), persistent=False)
        self.register_buffer("bands", slaney_bands(), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        flat = audio.reshape(-1, audio.shape[-1])
        spectrum = torch.stft(flat, FFT, self.hop, FFT, self.window, return_complex=True)
        power = torch.view_as_real(spectrum).square().sum(-1)
        mel = 10.0 * torch.log10(torch.matmul(self.bands, power).clamp(min=1e-10))
        return mel.reshape(*audio.shape[:-1], BANDS, -1)


@functools.cache
def slaney_bands() -> Tensor:
    """Triangles of equal area on Slaney's mel scale: linear up to 1 kHz, 27 bands an e-fold of 6.4 above.

    Source: M. Slaney, "Auditory Toolbox", Interval Research 1998-010, as librosa has it by default.

    Shape:
        (64, 513): bands, FFT bins.
    """
    linear, logarithmic = 200 / 3, torch.log(torch.tensor(6.4, dtype=torch.float64)) / 27
    knee = 1000 / linear

    def mel(frequency: float) -> float:
        f = torch.tensor(frequency, dtype=torch.float64)
        return float(f / linear if f < 1000 else knee + torch.log(f / 1000) / logarithmic)

    points = torch.linspace(mel(FMIN), mel(FMAX), BANDS + 2, dtype=torch.float64)
    edges = torch.where(points < knee, points * linear, 1000 * torch.exp(logarithmic * (points - knee)))
    bins = torch.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1, dtype=torch.float64)
    left, center, right = (edges[i : BANDS + i, None] for i in range(3))
    triangles = torch.minimum((bins - left) / (center - left), (right - bins) / (right - center)).clamp(min=0)
    return (triangles * 2 / (right - left)).float()


class ConvBlock(nn.Module):
    """Two 3x3 convolutions, each with norm and ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu1(self.bn1(self.conv1(x)))
        return cast(Tensor, self.relu2(self.bn2(self.conv2(x))))


class Cnn14(CnnNet):
    """The network behind the spectrogram.

    Levels: ``blockN`` is block N's output (halved in time and frequency, the last one excepted) averaged over both,
    ``embedding`` the 2048 values before the classifier, ``logits`` its outputs before the sigmoid.
    """

    bands = BANDS
    step_by_step = True  # sums in another order change its tags, after the sigmoid, by more than 1e-5
    maps = tuple(f"block{number}" for number in range(1, len(CHANNELS) + 1))
    names = (*maps, "embedding", "logits")

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(BANDS)
        for number, (inputs, outputs) in enumerate(zip((1, *CHANNELS), CHANNELS, strict=False), start=1):
            self.add_module(f"conv_block{number}", ConvBlock(inputs, outputs))
        self.fc1 = nn.Linear(CHANNELS[-1], CHANNELS[-1])
        self.fc_audioset = nn.Linear(CHANNELS[-1], classes)

    def forward(self, mel: Tensor, levels: Collection[str]) -> dict[str, Tensor]:
        at_once = len(mel) if self.frames_in_cache is None else max(1, self.frames_in_cache // mel.shape[-1])
        parts = [self._early(mel[start : start + at_once], levels) for start in range(0, len(mel), at_once)]
        values = {level: torch.cat([part[level] for _, part in parts]) for level in parts[0][1]}
        x = torch.cat([x for x, _ in parts]) if len(parts) > 1 else parts[0][0]
        for number in range(EARLY + 1, self._deepest(levels) + 1):
            x = self._block(x, number)
            values |= of_maps(f"block{number}", x, levels, frequency=3)
        if "embedding" in levels or "logits" in levels:
            over_frequency = x.float().mean(3)
            embedding = F.relu(self.fc1(over_frequency.amax(2) + over_frequency.mean(2)))
            values |= {"embedding": embedding} if "embedding" in levels else {}
            values |= {"logits": self.fc_audioset(embedding)} if "logits" in levels else {}
        return values

    def _early(self, mel: Tensor, levels: Collection[str]) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the first blocks, whose maps are the largest; cut long rows into parts of time.

        A part has `REACH` frames more on either side than are kept, and its poolings begin where those of the whole do.

        Returns:
            The maps of the last of these blocks, and the levels on the way.
        """
        frames, numbers = mel.shape[-1], range(1, min(EARLY, self._deepest(levels)) + 1)
        part = frames if self.frames_in_cache is None else max(REACH, self.frames_in_cache // REACH * REACH)
        maps: list[Tensor] = []
        sums: dict[str, Tensor] = {}
        strips: dict[str, list[Tensor]] = defaultdict(list)  # of tokens, averaged over frequency alone
        for start in range(0, frames, part):
            first, stop = max(0, start - REACH), start + part
            x = self.bn0(mel[:, :, None, first : stop + REACH]).permute(0, 2, 3, 1)  # (rows, 1, frames, bands)
            for number in numbers:
                x = self._block(x, number)
                kept = x[:, :, (start - first) >> number : (stop - first) >> number]
                if (name := f"block{number}") in levels:
                    size = (frames >> number) * kept.shape[3]
                    sums[name] = sums.get(name, 0) + kept.float().sum((2, 3)) / size
                if (tokens := f"{name}{TOKENS}") in levels and kept.shape[2]:  # the last part may have no position here
                    grid = grid_of(kept, frequency=3)
                    strips[tokens].append(averaged(grid, caps(*grid.shape[1:3])[0], grid.shape[2]))
            maps.append(kept)
        grids = {tokens: capped(torch.cat(parts, 2)) for tokens, parts in strips.items()}
        return torch.cat(maps, 2) if len(maps) > 1 else maps[0], sums | grids

    def _block(self, x: Tensor, number: int) -> Tensor:
        x = cast(Tensor, self.get_submodule(f"conv_block{number}")(x.to(self.dtype)))
        return F.avg_pool2d(x, 2) if number <= POOLINGS else x

    def _deepest(self, levels: Collection[str]) -> int:
        if "embedding" in levels or "logits" in levels:
            return len(CHANNELS)
        return max(int(level.removeprefix("block").partition(".")[0]) for level in levels)


class Cnn14Embedder(CnnEmbedder):
    """CNN14; a scene embedding is of the whole clip, however long."""

    head = HEAD
    optional = (Part(tuple(FIXED)),)  # not read here
    statistics = ("melmean", "melstd")
    bytes_per_frame = 100_000  # with the early blocks in parts (`cnn_net.EARLY_BYTES`)
    frames_at_once = 2048

    def __init__(self, spec: EmbeddingSpec, **options: Any) -> None:
        super().__init__(spec, **options)
        self.min_samples = (2**POOLINGS - 1) * self.checkpoint.hop

    @staticmethod
    def network(checkpoint: CnnCheckpoint) -> Cnn14:
        return Cnn14(checkpoint.n_classes)

    @staticmethod
    def front_end(checkpoint: CnnCheckpoint) -> LogMel:
        return LogMel(checkpoint.hop)

    @staticmethod
    def frames_of(checkpoint: CnnCheckpoint, samples: int) -> int:
        return samples // checkpoint.hop + 1

    @staticmethod
    def published_shapes(net: CnnNet) -> dict[str, tuple[int, ...]]:
        return CnnEmbedder.published_shapes(net) | FIXED


CARDS = tuple(
    Card(
        name=row.name,
        family="panns",
        sample_rate=SAMPLE_RATE,
        levels=(*Cnn14Embedder.statistics, *Cnn14.names),
        token_levels=Cnn14.token_names(),
        default_levels=("embedding",),
        default_windows_ms=(320,),
        min_window_ms=2**POOLINGS * row.hop * 1000 // SAMPLE_RATE,
        precisions=True,
        aliases=(row.alias,),
    )
    for row in of_family("panns")
)
