"""One run of a network: its hidden states, what it calls its output, and its logits."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ablations.models.hf.inputs import MASK
from ablations.models.hf.loading import Network
from ablations.models.hf.repository import Files

POOLED = ("pooler_output", "audio_embeds")
"""What models call one vector for all of a sound."""


@dataclass(frozen=True)
class Outputs:
    """What one run of a network gave.

    Attributes:
        hidden: of its blocks; the first one is what goes into the first block.
        features: one vector, or the last hidden state.
        pooled: the library's name of that vector; empty for the last hidden state.
        logits: None without a head.
        shown: how many frames the mask of the inputs shows, the same for all rows; None if no mask hides a frame.
    """

    hidden: tuple[Tensor, ...]
    features: Tensor
    pooled: str
    logits: Tensor | None
    shown: int | None


def outputs_of(network: Network, inputs: Mapping[str, Tensor], files: Files) -> Outputs:
    """Run a network on its inputs; ValueError if its outputs have no hidden states."""
    caught = _Caught(network) if network.has_head else None
    try:
        outputs = network.whole(**inputs, output_hidden_states=True, return_dict=True)
    finally:
        if caught:
            caught.end()
    inner = caught.outputs if caught else outputs
    hidden = getattr(inner, "hidden_states", None)
    if not hidden or not all(isinstance(value, Tensor) for value in hidden):
        raise ValueError(f"{files.title}: has no audio encoder with hidden states: {type(inner).__name__} has none")
    pooled = next((name for name in POOLED if isinstance(getattr(inner, name, None), Tensor)), "")
    features = getattr(inner, pooled or "last_hidden_state")
    logits = getattr(outputs, "logits", None) if caught else None
    mask = inputs.get(MASK)
    shown = int(mask[0].sum()) if mask is not None and mask.shape[1] == hidden[0].shape[1] else None
    return Outputs(tuple(hidden), features, pooled, logits, shown)


class _Caught:
    """Keeps what the encoder inside a network with a head returns in this thread."""

    def __init__(self, network: Network) -> None:
        self.outputs: Any = None
        self._thread = threading.get_ident()
        self._hook = network.encoder.register_forward_hook(self._keep)

    def _keep(self, module: object, arguments: object, outputs: Any) -> None:
        if threading.get_ident() == self._thread:
            self.outputs = outputs

    def end(self) -> None:
        self._hook.remove()
