"""The PaSST network: mel spectrogram in, embedding levels out.

A vision transformer over 16 x 16 patches of the mel spectrogram, with separate frequency and time encodings and two
special tokens (cls, dist). Parameter names are those of the published checkpoints. Source: Koutini et al. 2022;
Koutini et al., "Efficient Training of Audio Transformers with Patchout", Interspeech 2022.
"""

from collections.abc import Collection

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from passt.checkpoints import PATCH, Checkpoint

WIDTH, HEADS, MLP_WIDTH = 768, 12, 3072
SPECIAL = 2  # tokens in front of the patches: cls and dist


class Attention(nn.Module):
    """Multi-head self-attention, (batch, tokens, width) -> (batch, `read` or tokens, width)."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, read: int | None = None) -> Tensor:
        if read is None:
            q, k, v = (_heads(part) for part in self.qkv(x).chunk(3, dim=-1))
        else:
            weight, bias = self.qkv.weight, self.qkv.bias
            q = _heads(F.linear(x[:, :read], weight[:WIDTH], bias[:WIDTH]))
            k, v = (_heads(part) for part in F.linear(x, weight[WIDTH:], bias[WIDTH:]).chunk(2, dim=-1))
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, MLP_WIDTH)
        self.fc2 = nn.Linear(MLP_WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """A pre-norm transformer block; with `read`, only that many leading tokens are computed and returned."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.attn = Attention()
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.mlp = Mlp()

    def forward(self, x: Tensor, read: int | None = None) -> Tensor:
        x = x[:, :read] + self.attn(self.norm1(x), read)
        return x + self.mlp(self.norm2(x))


class PatchEmbedding(nn.Module):
    def __init__(self, fstride: int, tstride: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(1, WIDTH, PATCH, stride=(fstride, tstride))

    def forward(self, mel: Tensor) -> Tensor:
        return self.proj(mel)


class Passt(nn.Module):
    """The network of one checkpoint; weights are whatever torch starts with until a state dict is loaded.

    Shape:
        mel (batch, 128, frames) -> {level: (batch, dim)}; frames that fill no patch are ignored.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        frequency, time = checkpoint.grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.dist_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.new_pos_embed = nn.Parameter(torch.zeros(1, SPECIAL, WIDTH))
        self.freq_new_pos_embed = nn.Parameter(torch.zeros(1, WIDTH, frequency, 1))
        self.time_new_pos_embed = nn.Parameter(torch.zeros(1, WIDTH, 1, time))
        self.patch_embed = PatchEmbedding(checkpoint.fstride, checkpoint.tstride)
        self.blocks = nn.ModuleList(Block() for _ in range(checkpoint.depth))
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, checkpoint.n_classes))
        self.head_dist = nn.Linear(WIDTH, checkpoint.n_classes)  # published, unused in inference

    def tokens(self, mel: Tensor) -> Tensor:
        """(batch, 128, frames) -> (batch, 2 + patches, width): cls, dist, patches frequency by frequency."""
        patches = self.patch_embed(mel[:, None])
        patches = patches + self.time_new_pos_embed[..., : patches.shape[-1]] + self.freq_new_pos_embed
        special = torch.cat([self.cls_token, self.dist_token], dim=1) + self.new_pos_embed
        return torch.cat([special.expand(len(mel), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)

    def forward(self, mel: Tensor, levels: Collection[str] = ("features", "logits")) -> dict[str, Tensor]:
        """Every wanted level from one pass, which ends at the deepest block that is needed.

        Levels: ``blockN`` is the mean of cls and dist after block N, ``blockN.patches`` the mean of the patch tokens
        there, ``features`` the mean of cls and dist after the final norm, ``logits`` the head's output.
        A level's value does not depend on which others are asked for.
        """
        found: dict[str, Tensor] = {}
        x = self.tokens(mel)
        for number in range(1, self._deepest(levels) + 1):
            block, level = self.blocks[number - 1], f"block{number}"
            if number < len(self.blocks):
                x = block(x)
                special = x[:, :SPECIAL]
                patches = x
            else:  # behind the last block only cls and dist are read, unless its patches are a level
                special = block(x, read=SPECIAL)
                patches = block(x) if f"{level}.patches" in levels else x
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


def _heads(x: Tensor) -> Tensor:
    """(batch, tokens, width) -> (batch, heads, tokens, width / heads)."""
    return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)
