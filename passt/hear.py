"""The HEAR 2021 common API (https://hearbenchmark.com/hear-api.html) for every PaSST spec.

The name of this module is what HEAR's tools want, for example
``python -m heareval.embeddings.runner passt.hear --model-options '{"spec": "2level-mel"}'``.

The network is frozen until its parameters want gradients; then embeddings are computed under autograd, in fp32::

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
from pathlib import Path

import torch
from torch import Tensor, nn

from passt.catalog import checkpoints, named
from passt.catalog.card import choices
from passt.catalog.spec import parse_fields
from passt.embedder import PasstEmbedder

logger = logging.getLogger(__name__)


class HearModel(nn.Module):
    """A PasstEmbedder in the form that HEAR's tools expect: a module with sizes, on the device it is sent to.

    Attributes:
        net: the embedder's network; another one in its place is the embedder's, too.
        sample_rate: of the audio it takes, in Hz.
        scene_embedding_size: values of a scene embedding; 0 where the spec's only level is ``mel``.
        timestamp_embedding_size: values of a timestamp embedding.
    """

    def __init__(self, embedder: PasstEmbedder) -> None:
        super().__init__()
        self.embedder = embedder
        self._said_frozen = False
        self.net = embedder.net  # registered here, so that parameters and state dict are the model's
        self.mel = embedder.mel
        self.sample_rate = embedder.sample_rate
        self.scene_embedding_size = sum(embedder.dims[level] for level, _ in embedder.spec.scene_taps())
        self.timestamp_embedding_size = sum(embedder.dims[level] for level, _ in embedder.spec.timestamp_taps())
        super().train(False)

    @property
    def device(self) -> torch.device:
        return self.embedder.device

    def train(self, mode: bool = True) -> "HearModel":
        """Stays in evaluation mode, which changes nothing: the network has no dropout. Says where it is frozen."""
        if mode and not self._said_frozen and not any(parameter.requires_grad for parameter in self.parameters()):
            self._said_frozen = True
            logger.warning("passt.hear: the network is frozen; requires_grad_(True) lets an optimizer train it")
        return super().train(False)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in ("net", "mel"):
            setattr(self.embedder, name, value)

    def extra_repr(self) -> str:
        return str(self.embedder.spec)

    def _apply(self, fn, recurse: bool = True) -> "HearModel":
        """What `.to`, `.cuda` and `.cpu` come down to: the embedder has to know of the new device.

        Raises:
            ValueError: for another type of number, which is the business of `precision`.
        """
        there = fn(torch.empty(1, device=self.device))
        if there.dtype != torch.float32:
            raise ValueError(f"passt.hear: numbers stay {self.embedder.precision}, got a change to {there.dtype}")
        self.embedder.to(there.device)
        return self


def load_model(
    model_file_path: str | Path = "", *, spec: str = "base", device: str = "auto", precision: str = "fp32"
) -> HearModel:
    """A model for the functions of this module.

    Args:
        model_file_path: a weight file of the spec's checkpoint; "" for the weights that the spec names.
        spec: a spec text or the name of one (`passt.catalog.named`): ``2level-mel``,
        ``stfthop160@features@untrained-0``.
        device: a torch device, or "auto": CUDA where there is one.
        precision: as PasstEmbedder takes it.

    Raises:
        ValueError: for a spec that is none, a file that does not fit it, an unknown precision.
        FileNotFoundError: for weights that are not there.
    """
    fields = parse_fields(spec)
    checkpoint = fields.pop("checkpoint")
    known = {name for row in checkpoints.table().values() for name in (row.name, row.alias)}
    if checkpoint not in known:
        names = [*named.table(), *checkpoints.table()]
        raise ValueError(f"spec: unknown name {checkpoint!r}{choices(checkpoint, names)}")
    wanted = checkpoints.get(checkpoint).card.spec(**fields)
    return HearModel(PasstEmbedder(wanted, weights=model_file_path or None, device=device, precision=precision))


def get_scene_embeddings(audio: Tensor, model: HearModel) -> Tensor:
    """One embedding a sound.

    Args:
        audio: (n_sounds, n_samples) in [-1, 1] (or int16), mono at `model.sample_rate`, on any device.

    Returns:
        (n_sounds, model.scene_embedding_size), float32, on the model's device.

    Raises:
        ValueError: for audio of another form, a spec whose only level is ``mel``.
    """
    return _embedder(model).scene_embedding(audio).to(model.device)


def get_timestamp_embeddings(audio: Tensor, model: HearModel) -> tuple[Tensor, Tensor]:
    """An embedding every 50 ms (or the spec's hop) of every sound.

    Args:
        audio: (n_sounds, n_samples) in [-1, 1] (or int16), mono at `model.sample_rate`, on any device.

    Returns:
        (n_sounds, steps, model.timestamp_embedding_size), and (n_sounds, steps), the window centres in ms from 0;
        float32, on the model's device.

    Raises:
        ValueError: for audio of another form.
    """
    values, times = _embedder(model).timestamp_embedding(audio)
    return values.to(model.device), times.repeat(len(values), 1).to(model.device)


def _embedder(model: HearModel) -> PasstEmbedder:
    if model.net is not model.embedder.net:
        raise ValueError("model.embedder.net was replaced, whose parameters are not the model's: set model.net instead")
    return model.embedder
