"""PasstEmbedder: a PaSST checkpoint that embeds sound."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from passt.catalog import checkpoints
from passt.catalog.checkpoints import MEL_BANDS, PATCH, SAMPLE_RATE, Checkpoint
from passt.catalog.spec import EmbeddingSpec
from passt.devices import placed
from passt.network import inference
from passt.network.following import FollowsNetwork
from passt.network.identity import hash_of
from passt.network.model import Passt
from passt.network.precision import arithmetic, precision_for
from passt.weights import load as weight_files
from passt.weights.initial import network_on_meta
from passt.weights.training_notes import labels_for
from passt.windowed import WindowedEmbedder
from passt.windows.batches import Budget, Rows, forward_in_batches
from passt.windows.frames import Excerpts
from passt.windows.mel import MelSpectrogram
from passt.windows.samples import batch, equally_long

FORMAT = 2  # part of the fingerprint; raised when the numbers change
MEL_FRAMES = 6  # frames around a timestamp that make up the level `mel` (Koutini et al. 2022, level L)
TOKENS_AT_ONCE = 4096  # on a CPU
BYTES_PER_TOKEN = 60_000  # 47,000 are in use at the peak of a forward pass in fp32, counted on a CPU, of width 768


class PasstEmbedder(FollowsNetwork, WindowedEmbedder):  # type: ignore[override]  # its names follow the network
    """A PaSST checkpoint that computes scene and timestamp embeddings.

    Audio is mono at 32 kHz, float in [-1, 1] or int16. `scene_embedding` and `timestamp_embedding` concatenate the
    levels and windows of the spec; `scene` and `timestamps` give any taps of the checkpoint one by one.

    Args:
        spec: the variant: checkpoint, weights, levels and windows. A text ("passt_demo", "paper-best",
            "passt_demo@block6@w640") takes the checkpoint's defaults for what it leaves out, its weights among them.
        weights: a weight file or a state dict to use in place of the spec's weights. The spec then names their hash.
        device: a torch device, or "auto" for CUDA if it is available and the CPU otherwise; see `passt.devices.placed`.
        precision: "fp32" reproduces the published numbers; "tf32" and "bf16" are faster on devices that have them.
        compiled: whether to compile the blocks with torch.compile. If that fails, the log says why.

    Attributes:
        spec: the spec in canonical form.
        checkpoint: the row of the table of checkpoints, with as many classes as the weights have.
        labels: names of the logits, if the weight file has them; else ().
        dims: level -> length of its embedding; of one token for levels that keep tokens.
        net: the network. It may be trained or changed: name, spec, fingerprint and numbers follow it.
        mel: the front end.

    Raises:
        ValueError: the checkpoint does not allow the spec, the weights do not fit it, or the device or the
            precision is unknown.
        FileNotFoundError: the weights are absent and can't be fetched.

    Source: Koutini et al., "Learning General Audio Representations With Large-Scale Training of Patchout Audio
    Transformers", PMLR 166:65-89, 2022. Numbers are those of the package hear21passt 0.0.26.
    """

    sample_rate = SAMPLE_RATE
    net: Passt
    mel: MelSpectrogram

    def __init__(
        self,
        spec: EmbeddingSpec | str,
        *,
        weights: str | Path | Mapping[str, Tensor] | None = None,
        device: str | torch.device = "auto",
        precision: str = "fp32",
        compiled: bool = False,
    ) -> None:
        device = placed(device)
        precision_for(precision, device)
        spec = checkpoints.spec_of(spec) if isinstance(spec, str) else spec
        spec.refuse_beside()
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
        levels = (*checkpoint.levels, *checkpoint.token_levels)
        self.dims = {level: special.get(level, checkpoint.width) for level in levels}
        self.min_samples = checkpoint.min_samples
        self.max_window_ms = checkpoint.max_window_s * 1000
        self.max_scene_hop_ms = checkpoint.scene_hop_ms
        self.excerpts = {"mel": MEL_FRAMES * checkpoint.hop}
        self._place(device)
        self._follow()
        self._current_form()  # now, so that the log says at once if oneDNN or torch.compile can't be used

    @property
    def spec(self) -> EmbeddingSpec:
        """The spec in canonical form, with the weights of the network as it is now."""
        return dataclasses.replace(self._spec, weights=self._weights)

    def __repr__(self) -> str:
        return f"PasstEmbedder({str(self.spec)!r}, device={str(self.device)!r}, precision={self.precision!r})"

    def to(self, device: str | torch.device) -> "PasstEmbedder":
        """Move the embedder to another device, and return it.

        Raises:
            ValueError: there is no such device, or it can't compute in the embedder's precision.
        """
        self._notice()
        self._place(placed(device))
        self._take()
        self._current_form()
        return self

    def _place(self, device: torch.device) -> None:
        self._precision = precision_for(self.precision, device)
        self.device = device
        self.net.to(device)
        self.mel.to(device)
        self._budget = Budget.of_memory(device, TOKENS_AT_ONCE, BYTES_PER_TOKEN)

    def _form(self) -> Passt:
        return inference.ready(self.net, self._precision, self.device, self.compiled)

    def _architecture(self) -> Mapping[str, Any]:
        return vars(self.net.architecture)

    def _settings(self) -> dict[str, Any]:
        row = dataclasses.asdict(self.checkpoint)
        trained_for = ("hop", "fstride", "tstride", "n_frames", "depth", "max_window_s")
        shape = {name: row[name] for name in trained_for}
        if self.checkpoint.width // self.checkpoint.heads != 64:  # the published size, which no tensor's shape shows
            shape["heads"] = row["heads"]
        return {"passt": shape, "precision": self.precision, "format": FORMAT}

    def cut(self, clips: Tensor, window: int, hop: int, rows: int) -> Excerpts:
        """Cut windows as spectrograms that are computed when they are asked for."""
        return Excerpts(self.mel, clips, window, hop, rows)

    def levels(self, views: Sequence[Rows], levels: Sequence[str]) -> dict[str, list[Tensor]]:
        """Compute levels of all windows, in batches of equal token count.

        Frames that fill no patch do not change the result, so windows that differ by less than a patch share a batch.

        Args:
            views: windows, as `cut` makes them.
            levels: names of levels.

        Returns:
            For each level one tensor (windows, dim) per view, on the embedder's device; of tokens (windows, rows,
            columns, width).
        """

        def tokens(view: Rows) -> int:
            assert isinstance(view, Excerpts)  # from `cut`
            return self.checkpoint.tokens(view.samples)

        with self._computing() as net, arithmetic("highest"):  # the front end is exact in every precision
            forward = functools.partial(self._forward, net, levels=levels)
            return forward_in_batches(views, forward, group_of=tokens, cost_of=tokens, budget=self._budget)

    def grid(self, level: str, window_ms: int | None) -> tuple[int, int]:
        """Count the rows and columns of tokens that a level keeps of a window."""
        return self.checkpoint.token_grid(window_ms)

    def scene_embedding(self, audio: Tensor) -> Tensor:
        """Embed each clip as one vector: the levels of the spec, concatenated in order.

        ``mel`` is not a scene level and is left out.

        Args:
            audio: (clips, samples), mono at 32 kHz in [-1, 1], or a list of clips whose lengths may differ.

        Returns:
            (clips, dim), float32, on the CPU.

        Raises:
            ValueError: the audio has another form, or ``mel`` is the spec's only level.
        """
        taps = self._spec.scene_taps()
        if not taps:
            raise ValueError(f"{self.spec}: has no scene embedding, its only level is mel")
        values = self.scene(batch(audio), taps)
        return torch.cat([values[tap] for tap in taps], dim=-1)

    def timestamp_embedding(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Embed each clip at every timestamp.

        An embedding concatenates, for each window, all levels of the spec in order, then ``mel`` once.

        Args:
            audio: (clips, samples), mono at 32 kHz in [-1, 1]. All clips must have one length.

        Returns:
            Embeddings (clips, steps, dim) and timestamps (steps,) in ms, both float32, on the CPU. Timestamps are the
            window centers, from 0 in steps of the spec's `timestamp_hop_ms`; with a look-ahead, windows end that much
            behind them.

        Raises:
            ValueError: the audio has another form, or the clips differ in length.
        """
        taps = self._spec.timestamp_taps()
        hop_ms, lookahead_ms = self._spec.timestamp_hop_ms, self._spec.lookahead_ms
        clips = self.timestamps(equally_long(audio), taps, hop_ms, lookahead_ms)
        values = torch.stack([torch.cat([clip[tap] for tap in taps], dim=-1) for clip, _ in clips])
        return values, clips[0][1]

    def _forward(self, net: nn.Module, mels: list[Tensor], levels: Sequence[str]) -> dict[str, Tensor]:
        """Compute levels of spectrograms of equal token count.

        The spectrograms, each (rows, 128, frames), give {level: (all rows, dim)}, or a grid of tokens for each row.
        """
        values = {}
        if "mel" in levels:
            values["mel"] = torch.cat([mel.flatten(1) for mel in mels])
        if "melmean" in levels:
            values["melmean"] = torch.cat([mel.mean(dim=-1) for mel in mels])
        if deeper := [level for level in levels if level not in values]:
            stride = self.checkpoint.tstride
            used = PATCH + (mels[0].shape[-1] - PATCH) // stride * stride
            with arithmetic(self._precision.matmul):
                values |= net(torch.cat([mel[..., :used] for mel in mels]), deeper)
        return values


def _state(
    checkpoint: Checkpoint, spec: EmbeddingSpec, weights: str | Path | Mapping[str, Tensor] | None
) -> tuple[dict[str, Tensor], str]:
    """Load the tensors, and name them as the weights part of a spec does."""
    if weights is None:
        return weight_files.load(checkpoint, spec.weights), spec.weights
    if isinstance(weights, Mapping):
        tensors = weight_files.state_of(weights, checkpoint, "weights")
        state = {name: tensor.detach().clone() for name, tensor in tensors.items()}
        return state, f"sha256-{hash_of(state)[:12]}"
    return weight_files.read(weights, checkpoint), weight_files.file_tag(weights)


def _network(checkpoint: Checkpoint, state: Mapping[str, Tensor]) -> Passt:
    net = network_on_meta(checkpoint)
    if (rows := len(state["head_dist.weight"])) != checkpoint.n_classes:
        net.head_dist = nn.Linear(checkpoint.width, rows, device="meta")
    net.load_state_dict(state, strict=True, assign=True)
    return net.eval().requires_grad_(False)
