"""The PaSST network: mel spectrogram in, embedding levels out.

A vision transformer over 16 x 16 patches of the mel spectrogram, with separate frequency and time encodings and two
special tokens (cls, dist). Parameter names are those of the published checkpoints.

Sources: Koutini et al., "Efficient Training of Audio Transformers with Patchout", Interspeech 2022; Koutini et al.,
"Learning General Audio Representations With Large-Scale Training of Patchout Audio Transformers", PMLR 166, 2022.
"""

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from passt.catalog.architecture import PATCH, Architecture
from passt.network.patchout import apply
from passt.network.snapshot import is_hooked
from passt.tokens import TOKENS, capped

SPECIAL = 2  # tokens in front of the patches: cls and dist


class Linear(nn.Linear):
    """A linear layer that may be followed by GELU or by the sum with the residual stream.

    Attributes:
        product: computes the layer from inputs, weights and biases. Its result may have a shorter type than the
            residual stream, whose type the sum keeps.
    """

    product: Callable[[Tensor, Tensor, Tensor], Tensor] = staticmethod(F.linear)

    def forward(self, x: Tensor, *, gelu: bool = False, plus: Tensor | None = None) -> Tensor:
        """Compute the layer: (..., inputs) -> (..., outputs); `plus` is added to the result."""
        y = self.product(x, self.weight, self.bias)
        y = F.gelu(y) if gelu else y
        return y if plus is None else plus + y


class Attention(nn.Module):
    """Multi-head self-attention.

    Attributes:
        attend: attention from queries, keys and values, each (batch, heads, tokens, width).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)
        self.attend: Callable[[Tensor, Tensor, Tensor], Tensor] = F.scaled_dot_product_attention

    def forward(self, qkv: Tensor, plus: Tensor) -> Tensor:
        """Let the leading tokens attend to all tokens, and add the result to `plus`.

        Shape:
            qkv (batch, tokens, 3 * width), plus (batch, leading tokens, width) -> the shape of plus.
        """
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in qkv.chunk(3, dim=-1))
        read = self.attend(q[:, :, : plus.shape[1]], k, v)
        result: Tensor = self.proj(read.transpose(1, 2).flatten(2), plus=plus)
        return result


class Mlp(nn.Module):
    """The two linear layers of a block, with GELU between them."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.fc2 = Linear(hidden, width)

    def forward(self, x: Tensor, plus: Tensor) -> Tensor:
        result: Tensor = self.fc2(self.fc1(x, gelu=True), plus=plus)
        return result


class Block(nn.Module):
    """A pre-norm transformer block: (batch, tokens, width) -> the same shape."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.width
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, architecture.heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, architecture.mlp_width)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(x, self.attn.qkv(self.norm1(x)))

    def reads(self, x: Tensor, *reads: int | None) -> list[Tensor]:
        """Compute the block's output for some leading tokens only.

        Each number in `reads` is a number of leading tokens (None: all) and gives one output. The keys are computed
        once.
        """
        qkv = self.attn.qkv(self.norm1(x))
        return [self.output(x[:, :read], qkv) for read in reads]

    def output(self, x: Tensor, qkv: Tensor) -> Tensor:
        """Compute the output of the tokens `x`, which attend to all tokens of `qkv`."""
        x = self.attn(qkv, plus=x)
        result: Tensor = self.mlp(self.norm2(x), plus=x)
        return result


class PatchEmbedding(nn.Module):
    """Embed patches: spectrograms (batch, 1, 128, frames) -> (batch, width, frequency, time)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        stride = (architecture.fstride, architecture.tstride)
        self.proj = nn.Conv2d(1, architecture.width, PATCH, stride=stride)

    def forward(self, mel: Tensor) -> Tensor:
        patches: Tensor = self.proj(mel)
        return patches

    def subset(self, mel: Tensor, kept: Tensor) -> Tensor:
        """Embed only the patches with the indices `kept` (patches,), counted frequency by frequency.

        Shape:
            (batch, 1, 128, frames) -> (batch, patches, width).
        """
        rows, columns = self.proj.stride
        patches = mel[:, 0].unfold(1, PATCH, rows).unfold(2, PATCH, columns)
        pieces = patches[:, kept // patches.shape[2], kept % patches.shape[2]]
        return F.linear(pieces.flatten(2), self.proj.weight.flatten(1), self.proj.bias)


class Passt(nn.Module):
    """The network of one architecture.

    Its weights are torch's initial ones until a state dict is loaded.

    Args:
        architecture: the shape of the network.

    Shape:
        (batch, 128, frames) -> {level: (batch, dim)}. Trailing frames that fill no patch are ignored.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture.architecture
        width, classes = architecture.width, architecture.n_classes
        frequency, time = architecture.grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.dist_token = nn.Parameter(torch.zeros(1, 1, width))
        self.new_pos_embed = nn.Parameter(torch.zeros(1, SPECIAL, width))
        self.freq_new_pos_embed = nn.Parameter(torch.zeros(1, width, frequency, 1))
        self.time_new_pos_embed = nn.Parameter(torch.zeros(1, width, 1, time))
        self.patch_embed = PatchEmbedding(architecture)
        self.blocks = nn.ModuleList(Block(architecture) for _ in range(architecture.depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))
        self.head_dist = nn.Linear(width, classes)  # published, unused in inference

    def tokens(self, mel: Tensor, kept: Tensor | None = None, first: int = 0) -> Tensor:
        """Turn spectrograms into tokens: cls, dist, then the patches frequency by frequency.

        Args:
            mel: log-mel spectrograms (batch, 128, frames).
            kept: indices of the patches that stay, in rising order (`passt.network.patchout`). None keeps all.
            first: index of the time encoding's entry for the first column of patches.

        Returns:
            (batch, 2 + patches, width).
        """
        frequency, columns = self.freq_new_pos_embed, (mel.shape[-1] - PATCH) // self.architecture.tstride + 1
        time = self.time_new_pos_embed[..., first : first + columns]
        if kept is None:
            patches = self.patch_embed(mel[:, None]) + time + frequency
            patches = patches.flatten(2).transpose(1, 2)
        else:  # dropped patches are not computed at all
            kept = kept.to(mel.device)
            encodings = (time + frequency).flatten(2).transpose(1, 2)
            patches = self.patch_embed.subset(mel[:, None], kept) + apply(encodings, kept)
        special = torch.cat([self.cls_token, self.dist_token], dim=1) + self.new_pos_embed
        return torch.cat([special.expand(len(mel), -1, -1), patches], dim=1)

    def forward(
        self,
        mel: Tensor,
        levels: Collection[str] = ("features", "logits"),
        kept: Tensor | None = None,
        first: int = 0,
    ) -> dict[str, Tensor]:
        """Compute levels in one pass, which ends at the deepest block that they need.

        ``blockN`` is the mean of cls and dist after block N; ``blockN.patches`` is the mean of the patch tokens there,
        and ``blockN.tokens`` is the grid of these, averaged along time as far as `passt.tokens` says.
        ``features`` is the mean of cls and dist after the final norm (level M of Koutini et al. 2022); ``logits`` is
        the output of the head (level H). A level's value does not depend on which other levels are requested.

        Args:
            mel: log-mel spectrograms (batch, 128, frames).
            levels: names of levels.
            kept: patches that stay, in training only, which leave no grid; see `tokens`.
            first: entry of the time encoding, in training only; see `tokens`.

        Returns:
            {level: (batch, dim)}, of tokens (batch, rows, columns, width).
        """
        values: dict[str, Tensor] = {}
        x = self.tokens(mel, kept, first)
        for number in range(1, self._deepest(levels) + 1):
            block, level = self.blocks[number - 1], f"block{number}"
            mean, grid = f"{level}.patches", f"{level}{TOKENS}"
            if number < len(self.blocks) or type(block) is not Block or is_hooked(block):
                x = block(x)
                special = x[:, :SPECIAL]
                patches = x
            else:  # after the last block only cls and dist are needed, unless a level is of its patches
                reads: tuple[int | None, ...] = (SPECIAL, None) if {mean, grid} & set(levels) else (SPECIAL,)
                special, *rest = block.reads(x, *reads)
                patches = rest[0] if rest else x
            if level in levels:
                values[level] = special.mean(dim=1)
            if mean in levels:
                values[mean] = patches[:, SPECIAL:].mean(dim=1)
            if grid in levels:
                values[grid] = capped(patches[:, SPECIAL:].unflatten(1, (self.freq_new_pos_embed.shape[2], -1)))
        if "features" in levels or "logits" in levels:
            features = self.norm(special).mean(dim=1)
            values |= {"features": features} if "features" in levels else {}
            values |= {"logits": self.head(features)} if "logits" in levels else {}
        return values

    def _deepest(self, levels: Collection[str]) -> int:
        """Number of blocks that the levels need."""
        if "features" in levels or "logits" in levels:
            return len(self.blocks)
        return max((int(level.removeprefix("block").partition(".")[0]) for level in levels), default=0)
