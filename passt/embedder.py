"""PasstEmbedder: a PaSST checkpoint as an embedder, for any taps or for the levels and windows of one spec."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from passt.catalog import checkpoints
from passt.catalog.checkpoints import MEL_BANDS, PATCH, SAMPLE_RATE, Checkpoint
from passt.catalog.spec import EmbeddingSpec
from passt.network import inference
from passt.network.following import FollowsNetwork
from passt.network.identity import hash_of
from passt.network.model import Passt
from passt.network.precision import arithmetic, precision_for
from passt.weights import load as weight_files
from passt.weights.initial import network_on_meta
from passt.weights.training_notes import labels_for
from passt.windowed import WindowedEmbedder
from passt.windows import frames
from passt.windows.batches import Budget, forward_in_batches
from passt.windows.mel import MelSpectrogram
from passt.windows.samples import batch, equally_long

FORMAT = 2  # part of the fingerprint; raised when the numbers change
MEL_FRAMES = 6  # of the level `mel`: the excerpt around a timestamp
TOKENS_AT_ONCE = {"cuda": 65536}  # more are no faster
TOKENS_ELSEWHERE = 4096
BYTES_PER_TOKEN = 60_000  # of memory in a forward pass, at most


class PasstEmbedder(FollowsNetwork, WindowedEmbedder):
    """A PaSST checkpoint as an embedder.

    Args:
        spec: which checkpoint and weights; its levels and windows say what `scene_embedding` and
            `timestamp_embedding` concatenate.
        weights: a file or a state dict in place of the spec's weights, which then name its hash.
        device: a torch device, or "auto": CUDA where there is one.
        precision: "fp32", the originals' numbers, or the faster "tf32" and "bf16" where the device has them.
        compiled: whether torch.compile makes the blocks' code; where that fails the log says why.

    Attributes:
        spec: the spec in canonical form. mel: the front end.
        labels: what each of the logits stands for, where the weight file names it.
        net: the network, which may be trained or changed; name, spec, fingerprint and numbers follow it.

    Raises:
        ValueError: for a spec the checkpoint does not allow, weights that do not fit it, an unknown precision.
        FileNotFoundError: for weights that are not there.
    """

    sample_rate = SAMPLE_RATE

    def __init__(
        self,
        spec: EmbeddingSpec,
        *,
        weights: str | Path | Mapping[str, Tensor] | None = None,
        device: str = "auto",
        precision: str = "fp32",
        compiled: bool = False,
    ) -> None:
        device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        precision_for(precision, device)
        checkpoint = checkpoints.get(spec.checkpoint)
        spec = checkpoint.card.resolve(spec)
        state, tag = _state(checkpoint, spec, weights)
        state, checkpoint = weight_files.with_heads(state, checkpoint)
        self.labels = labels_for(weights, checkpoint.n_classes)
        if "logits" in spec.levels and not checkpoint.n_classes:
            source = weights if isinstance(weights, str | Path) else f"{checkpoint.name}@{tag}"
            raise ValueError(f"{source}: has no head, and so no level logits; ask for features or blocks")
        self._spec = dataclasses.replace(spec, weights=tag)
        self.precision, self.compiled = precision, compiled
        self._label = f"{checkpoint.name}@{tag}"
        self.checkpoint = checkpoint
        self.net = _network(checkpoint, state)
        self.mel = MelSpectrogram(checkpoint.hop)
        special = {"mel": MEL_BANDS * MEL_FRAMES, "melmean": MEL_BANDS, "logits": checkpoint.n_classes}
        self.dims = {level: special.get(level, checkpoint.width) for level in checkpoint.levels}
        self.min_samples = checkpoint.min_samples
        self.max_window_ms = checkpoint.max_window_s * 1000
        self.max_scene_hop_ms = checkpoint.scene_hop_ms
        self.excerpts = {"mel": MEL_FRAMES * checkpoint.hop}
        self._place(device)
        self._follow()
        self._made_form()  # now, so that what can't be used is said

    @property
    def spec(self) -> EmbeddingSpec:
        """In canonical form; its weights are those of the network as it is now."""
        return dataclasses.replace(self._spec, weights=self._weights)

    def to(self, device: str | torch.device) -> "PasstEmbedder":
        """Move to another device, and make the network ready for it; returns itself.

        Raises:
            ValueError: for a precision that the device does not have.
        """
        self._notice()
        self._place(torch.device(device))
        self._take()
        self._made_form()
        return self

    def _place(self, device: torch.device) -> None:
        self._precision = precision_for(self.precision, device)
        self.device = device
        self.net.to(device)
        self.mel.to(device)
        self._budget = Budget.of_memory(device, TOKENS_AT_ONCE.get(device.type, TOKENS_ELSEWHERE), BYTES_PER_TOKEN)

    def _form(self) -> Passt:
        return inference.ready(self.net, self._precision, self.device, self.compiled)

    def _settings(self) -> dict[str, Any]:
        row = dataclasses.asdict(self.checkpoint)
        trained_for = ("hop", "fstride", "tstride", "n_frames", "depth", "max_window_s")
        shape = {name: row[name] for name in trained_for}
        if self.checkpoint.width // self.checkpoint.heads != 64:  # of all published ones; no tensor's shape tells it
            shape["heads"] = row["heads"]
        return {"passt": shape, "precision": self.precision, "format": FORMAT}

    def whole(self, clip: Tensor) -> frames.Excerpts:
        return frames.whole(self.mel, clip)

    def centred(self, clip: Tensor, window: int, hop: int) -> frames.Excerpts:
        return frames.centred(self.mel, clip, window, hop)

    def levels(self, views: Sequence[frames.Excerpts], levels: Sequence[str]) -> dict[str, list[Tensor]]:
        """Every level of every window, in batches of equal token count (frames that fill no patch change nothing)."""

        def tokens(view: frames.Excerpts) -> int:
            return self.checkpoint.tokens(view.samples)

        with self._computing() as net, arithmetic("highest"):  # the front end is exact in every precision
            forward = functools.partial(self._forward, net, levels=levels)
            return forward_in_batches(views, forward, group_of=tokens, cost_of=tokens, budget=self._budget)

    def scene_embedding(self, audio: Tensor) -> Tensor:
        """(clips, samples) -> (clips, dim): the spec's levels in order; ``mel`` is no scene level and left out."""
        taps = self._spec.scene_taps()
        if not taps:
            raise ValueError(f"{self.spec}: has no scene embedding, its only level is mel")
        found = self.scene(batch(audio), taps)
        return torch.cat([found[tap] for tap in taps], dim=-1)

    def timestamp_embedding(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """(clips, samples) -> ((clips, steps, dim), (steps,) in ms): for each window each level, then ``mel`` once."""
        taps = self._spec.timestamp_taps()
        found = self.timestamps(equally_long(audio), taps, self._spec.timestamp_hop_ms)
        return torch.stack([torch.cat([clip[tap] for tap in taps], dim=-1) for clip, _ in found]), found[0][1]

    def _forward(self, net: Passt, mels: list[Tensor], levels: Sequence[str]) -> dict[str, Tensor]:
        """The spectrograms of windows of equal token count, each (rows, 128, frames), to {level: (all rows, dim)}."""
        found = {}
        if "mel" in levels:
            found["mel"] = torch.cat([mel.flatten(1) for mel in mels])
        if "melmean" in levels:
            found["melmean"] = torch.cat([mel.mean(dim=-1) for mel in mels])
        if deeper := [level for level in levels if level not in found]:
            stride = self.checkpoint.tstride
            used = PATCH + (mels[0].shape[-1] - PATCH) // stride * stride
            with arithmetic(self._precision.matmul):
                found |= net(torch.cat([mel[..., :used] for mel in mels]), deeper)
        return found


def _state(checkpoint: Checkpoint, spec: EmbeddingSpec, weights) -> tuple[dict[str, Tensor], str]:
    """The tensors, and what the weights part of the spec then says."""
    if weights is None:
        return weight_files.load(checkpoint, spec.weights), spec.weights
    if isinstance(weights, Mapping):
        found = weight_files.state_of(weights, checkpoint, "weights")
        state = {name: tensor.detach().clone() for name, tensor in found.items()}
        return state, f"sha256-{hash_of(state)[:12]}"
    return weight_files.read(weights, checkpoint), weight_files.file_tag(weights)


def _network(checkpoint: Checkpoint, state: Mapping[str, Tensor]) -> Passt:
    net = network_on_meta(checkpoint)
    if (rows := len(state["head_dist.weight"])) != checkpoint.n_classes:
        net.head_dist = torch.nn.Linear(checkpoint.width, rows, device="meta")
    net.load_state_dict(state, strict=True, assign=True)
    return net.eval().requires_grad_(False)
