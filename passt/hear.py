"""The HEAR 2021 common API (https://hearbenchmark.com/hear-api.html) for every PaSST spec.

HEAR's tools take the name of this module, for example
``python -m heareval.embeddings.runner passt.hear --model-options '{"spec": "2level-mel"}'``.

The network is frozen until its parameters require gradients. From then on embeddings are computed under autograd, in
fp32::

    model = hear.load_model(spec="passt_demo@features")
    model.requires_grad_(True)
    head = torch.nn.Linear(model.scene_embedding_size, 2)
    optimizer = torch.optim.AdamW([*model.parameters(), *head.parameters()], lr=1e-4)
    for audio, labels in batches:  # (n_sounds, n_samples), (n_sounds,)
        loss = torch.nn.functional.cross_entropy(head(hear.get_scene_embeddings(audio, model)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.save(model.net.state_dict(), "tuned.pt")  # load_model("tuned.pt", spec=...) takes it

    with torch.no_grad():  # the fast form again, of the new weights
        embeddings = hear.get_scene_embeddings(audio, model)
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from passt.embedder import PasstEmbedder

logger = logging.getLogger(__name__)


class HearModel(nn.Module):
    """A PasstEmbedder as a torch module, with the attributes that HEAR's tools expect.

    Args:
        embedder: the embedder that computes.

    Attributes:
        net: the embedder's network. A network set in its place becomes the embedder's, too.
        sample_rate: rate of the audio in Hz.
        scene_embedding_size: length of a scene embedding. 0 if ``mel`` is the spec's only level.
        timestamp_embedding_size: length of a timestamp embedding.
    """

    def __init__(self, embedder: PasstEmbedder) -> None:
        super().__init__()
        self.embedder = embedder
        self._warned_frozen = False
        self.net = embedder.net  # registered here, so that parameters and state dict are the model's
        self.mel = embedder.mel
        self.sample_rate = embedder.sample_rate
        dims, tokens = embedder.dims, embedder.tokens
        self.scene_embedding_size = sum(dims[tap[0]] * tokens(tap) for tap in embedder.spec.scene_taps())
        self.timestamp_embedding_size = sum(dims[tap[0]] * tokens(tap) for tap in embedder.spec.timestamp_taps())
        super().train(False)

    @property
    def device(self) -> torch.device:
        """Where the embedder computes."""
        return self.embedder.device

    def train(self, mode: bool = True) -> "HearModel":
        """Stay in evaluation mode, and warn once if the network is frozen.

        The mode makes no difference: the network has no dropout and no batch norm.
        """
        if mode and not self._warned_frozen and not any(parameter.requires_grad for parameter in self.parameters()):
            self._warned_frozen = True
            logger.warning("passt.hear: the network is frozen; requires_grad_(True) lets an optimizer train it")
        return super().train(False)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in ("net", "mel"):
            setattr(self.embedder, name, value)

    def extra_repr(self) -> str:
        return str(self.embedder.spec)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "HearModel":
        """Move the embedder; `.to`, `.cuda` and `.cpu` all end here.

        Raises:
            ValueError: `fn` changes the type of numbers, which `precision` decides.
        """
        moved = fn(torch.empty(1, device=self.device))
        if moved.dtype != torch.float32:
            raise ValueError(f"passt.hear: numbers stay {self.embedder.precision}, got a change to {moved.dtype}")
        self.embedder.to(moved.device)
        return self


def load_model(
    model_file_path: str | Path = "", *, spec: str = "base", device: str = "auto", precision: str = "fp32"
) -> HearModel:
    """Load a model for the functions of this module.

    Args:
        model_file_path: a weight file of the spec's checkpoint. "" takes the weights that the spec names.
        spec: a spec text, or the name of a spec (`passt.catalog.named`), such as ``2level-mel`` or
            ``stfthop160@features@untrained-0``.
        device: a torch device, or "auto" for CUDA if it is available and the CPU otherwise.
        precision: "fp32", "tf32" or "bf16"; see `PasstEmbedder`.

    Raises:
        ValueError: the text is not a spec, the file does not fit it, or the precision is unknown.
        FileNotFoundError: the weights are absent and can't be fetched.
    """
    return HearModel(PasstEmbedder(spec, weights=model_file_path or None, device=device, precision=precision))


def get_scene_embeddings(audio: Tensor, model: HearModel) -> Tensor:
    """Embed each sound as one vector.

    Args:
        audio: (n_sounds, n_samples), mono at `model.sample_rate`, float in [-1, 1] or int16, on any device.
        model: a model from `load_model`.

    Returns:
        (n_sounds, model.scene_embedding_size), float32, on the model's device.

    Raises:
        ValueError: the audio has another form, or ``mel`` is the spec's only level.
    """
    return _embedder(model).scene_embedding(audio).to(model.device)


def get_timestamp_embeddings(audio: Tensor, model: HearModel) -> tuple[Tensor, Tensor]:
    """Embed each sound at every timestamp: every 50 ms, or every `timestamp_hop_ms` of the spec.

    Args:
        audio: (n_sounds, n_samples), mono at `model.sample_rate`, float in [-1, 1] or int16, on any device.
        model: a model from `load_model`.

    Returns:
        Embeddings (n_sounds, n_timestamps, model.timestamp_embedding_size) and timestamps (n_sounds, n_timestamps),
        the window centers in ms from 0; both float32, on the model's device.

    Raises:
        ValueError: the audio has another form.
    """
    values, times = _embedder(model).timestamp_embedding(audio)
    return values.to(model.device), times.repeat(len(values), 1).to(model.device)


def _embedder(model: HearModel) -> PasstEmbedder:
    if model.net is not model.embedder.net:
        raise ValueError("model.embedder.net was replaced, whose parameters are not the model's: set model.net instead")
    return model.embedder
