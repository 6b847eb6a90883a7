"""The PaSST network: mel spectrogram in, embedding levels out.

A vision transformer over 16 x 16 patches of the mel spectrogram, with separate frequency and time encodings and two
special tokens (cls, dist). Parameter names are those of the published checkpoints. Source: Koutini et al. 2022;
Koutini et al., "Efficient Training of Audio Transformers with Patchout", Interspeech 2022.
"""

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from passt.catalog.architecture import PATCH, Architecture
from passt.network.patchout import apply
from passt.network.snapshot import is_hooked

SPECIAL = 2  # tokens in front of the patches: cls and dist


class Linear(nn.Linear):
    """A linear layer, and what follows it: GELU, or the sum with the residual stream.

    `product` is of inputs, weights and biases. It may give a shorter type than the stream has, which keeps its own.
    """

    product: Callable[[Tensor, Tensor, Tensor], Tensor] = staticmethod(F.linear)

    def forward(self, x: Tensor, *, gelu: bool = False, plus: Tensor | None = None) -> Tensor:
        y = self.product(x, self.weight, self.bias)
        y = F.gelu(y) if gelu else y
        return y if plus is None else plus + y


class Attention(nn.Module):
    """Multi-head self-attention; `attend` is of queries, keys and values, each (batch, heads, tokens, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)
        self.attend: Callable[[Tensor, Tensor, Tensor], Tensor] = F.scaled_dot_product_attention

    def forward(self, qkv: Tensor, plus: Tensor) -> Tensor:
        """What leading tokens read from all: qkv (batch, tokens, 3 * width), plus (batch, read, width) -> as plus."""
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in qkv.chunk(3, dim=-1))
        read = self.attend(q[:, :, : plus.shape[1]], k, v)
        return self.proj(read.transpose(1, 2).flatten(2), plus=plus)


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, hidden)
        self.fc2 = Linear(hidden, width)

    def forward(self, x: Tensor, plus: Tensor) -> Tensor:
        return self.fc2(self.fc1(x, gelu=True), plus=plus)


class Block(nn.Module):
    """A pre-norm transformer block, (batch, tokens, width) -> the same shape."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width = architecture.width
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, architecture.heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width, architecture.mlp_width)

    def forward(self, x: Tensor) -> Tensor:
        return self.behind(x, self.attn.qkv(self.norm1(x)))

    def reads(self, x: Tensor, *reads: int | None) -> list[Tensor]:
        """For each of `reads` the block's output for that many leading tokens (None: all), from the same keys."""
        qkv = self.attn.qkv(self.norm1(x))
        return [self.behind(x[:, :read], qkv) for read in reads]

    def behind(self, x: Tensor, qkv: Tensor) -> Tensor:
        """The block's output for the tokens `x`, which attend to all that `qkv` is of."""
        x = self.attn(qkv, plus=x)
        return self.mlp(self.norm2(x), plus=x)


class PatchEmbedding(nn.Module):
    """Spectrograms (batch, 1, 128, frames) -> (batch, width, frequency, time)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        stride = (architecture.fstride, architecture.tstride)
        self.proj = nn.Conv2d(1, architecture.width, PATCH, stride=stride)

    def forward(self, mel: Tensor) -> Tensor:
        return self.proj(mel)

    def some(self, mel: Tensor, kept: Tensor) -> Tensor:
        """The patches of these indices (kept,), frequency by frequency, and no others: (batch, kept, width)."""
        rows, columns = self.proj.stride
        patches = mel[:, 0].unfold(1, PATCH, rows).unfold(2, PATCH, columns)
        pieces = patches[:, kept // patches.shape[2], kept % patches.shape[2]]
        return F.linear(pieces.flatten(2), self.proj.weight.flatten(1), self.proj.bias)


class Passt(nn.Module):
    """The network of one architecture; weights are whatever torch starts with until a state dict is loaded.

    Shape:
        mel (batch, 128, frames) -> {level: (batch, dim)}; frames that fill no patch are ignored.
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
        """(batch, 128, frames) -> (batch, 2 + patches, width): cls, dist, patches frequency by frequency.

        Args:
            kept: the patches that stay, in their order, see `passt.network.patchout`; None: all.
            first: of the time encoding's entries the one that the first column has.
        """
        frequency, columns = self.freq_new_pos_embed, (mel.shape[-1] - PATCH) // self.architecture.tstride + 1
        time = self.time_new_pos_embed[..., first : first + columns]
        if kept is None:
            patches = self.patch_embed(mel[:, None]) + time + frequency
            patches = patches.flatten(2).transpose(1, 2)
        else:  # what is left out is not computed
            kept = kept.to(mel.device)
            encodings = (time + frequency).flatten(2).transpose(1, 2)
            patches = self.patch_embed.some(mel[:, None], kept) + apply(encodings, kept)
        special = torch.cat([self.cls_token, self.dist_token], dim=1) + self.new_pos_embed
        return torch.cat([special.expand(len(mel), -1, -1), patches], dim=1)

    def forward(
        self,
        mel: Tensor,
        levels: Collection[str] = ("features", "logits"),
        kept: Tensor | None = None,
        first: int = 0,
    ) -> dict[str, Tensor]:
        """Every wanted level from one pass, which ends at the deepest block that is needed.

        Levels: ``blockN`` is the mean of cls and dist after block N, ``blockN.patches`` the mean of the patch tokens
        there, ``features`` the mean of cls and dist after the final norm, ``logits`` the head's output.
        `kept` and `first` are of training, see `tokens`. A level's value does not depend on which others are asked for.
        """
        found: dict[str, Tensor] = {}
        x = self.tokens(mel, kept, first)
        for number in range(1, self._deepest(levels) + 1):
            block, level = self.blocks[number - 1], f"block{number}"
            if number < len(self.blocks) or type(block) is not Block or is_hooked(block):
                x = block(x)
                special = x[:, :SPECIAL]
                patches = x
            else:  # behind the last block only cls and dist are read, unless its patches are a level
                wanted = (SPECIAL, None) if f"{level}.patches" in levels else (SPECIAL,)
                special, *rest = block.reads(x, *wanted)
                patches = rest[0] if rest else x
            if level in levels:
                found[level] = special.mean(dim=1)
            if f"{level}.patches" in levels:
                found[f"{level}.patches"] = patches[:, SPECIAL:].mean(dim=1)
        if "features" in levels or "logits" in levels:
            features = self.norm(special).mean(dim=1)
            found |= {"features": features} if "features" in levels else {}
            found |= {"logits": self.head(features)} if "logits" in levels else {}
        return found

    def _deepest(self, levels: Collection[str]) -> int:
        if "features" in levels or "logits" in levels:
            return len(self.blocks)
        return max((int(level.removeprefix("block").removesuffix(".patches")) for level in levels), default=0)
