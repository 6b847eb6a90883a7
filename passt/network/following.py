"""Embedders whose numbers, names and fingerprints follow their network when it is changed.

What computes embeddings is often not the network itself but a form of it: packed for oneDNN, with norms folded in, or
rounded. That form is made again when the network is not any more the one that it was made from.
"""

import contextlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from passt.network.identity import fingerprint_of_hash, hash_of
from passt.network.precision import Precision
from passt.network.snapshot import Snapshot, is_hooked

NO_ARCHITECTURE = SimpleNamespace()


class FollowsNetwork:
    """What embedders of one network share: numbers, name and fingerprint are those of the network as it is now.

    Without gradients a form made for inference computes. It is made again when the network has changed: tensors
    written or replaced, other layers, another network. The network itself computes under autograd, when a parameter
    wants gradients and torch records them; where it has hooks; and where its layers are not those it was built with.

    Attributes:
        net: the network, in float32.
    """

    net: nn.Module
    device: torch.device
    precision: str
    _precision: Precision
    _label: str
    """Checkpoint and weights that the embedder was built with."""

    @abstractmethod
    def _form(self) -> nn.Module:
        """The network's form for inference."""

    @abstractmethod
    def _settings(self) -> Mapping[str, Any]:
        """What decides the numbers beside the tensors."""

    def _tensors(self) -> Mapping[str, Tensor]:
        """The network's tensors as they are published."""
        return self.net.state_dict()

    @property
    def name(self) -> str:
        return f"{self._label.rpartition('@')[0]}@{self._weights}"

    @property
    def fingerprint(self) -> str:
        """16 hex digits for architecture, front end, tensors and precision.

        Raises:
            ValueError: the network has hooks or layers whose numbers its tensors do not tell.
        """
        self._notice()
        if reason := self._hooked() or self._foreign:
            raise ValueError(f"{self._label}: no fingerprint tells what it computes: {reason}; remove it for that")
        return fingerprint_of_hash(self._settings(), self._hash())

    @property
    def _weights(self) -> str:
        """The weights part of a spec: as it was built, or by the hash of the tensors where these were changed."""
        self._notice()
        return f"sha256-{self._hash()[:12]}" if self._changed else self._label.rpartition("@")[2]

    @property
    def _ready(self) -> nn.Module:
        """The form that computes inference."""
        self._notice()
        return self._made_form()

    def _made_form(self) -> nn.Module:
        if self._made is None:
            with torch.no_grad():
                self._made = self._form()
        return self._made

    def _follow(self) -> None:
        """Take the network as it is for the one that was built, and its layers for those that may compute."""
        self._types = {name: type(module) for name, module in self.net.named_modules()}
        self._shapes = {name: tensor.shape for name, tensor in self.net.state_dict().items()}
        self._architecture = dict(vars(getattr(self.net, "architecture", NO_ARCHITECTURE)))
        self._changed, self._foreign = False, ""
        self._take()

    def _take(self) -> None:
        self._seen = (Snapshot(self.net), Snapshot(self.mel) if hasattr(self, "mel") else None)
        self._made: nn.Module | None = None
        self._digest: str | None = None

    def _notice(self) -> None:
        """Compare the network with what was last seen; ValueError where it can't be followed."""
        net, mel = self._seen
        if mel is not None and not mel.holds(self.mel):
            raise ValueError(f"{self._label}: its front end was changed, which is fixed; build another embedder")
        if not net.holds(self.net):
            self._foreign = self._fits()
            self._take()
            self._changed = True

    @contextlib.contextmanager
    def _computing(self) -> Iterator[nn.Module]:
        """What computes a call: the network under autograd where gradients are asked for, else its form.

        Raises:
            ValueError: a network that can't be followed, or that would have to compute in bf16 as it is.
        """
        self._notice()
        seen = self._seen[0]
        learning = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in seen.tensors)
        reason = "its parameters want gradients" if learning else self._hooked() or self._foreign
        if reason and self._precision.dtype != torch.float32:
            raise ValueError(f"{self._label}: {reason}, so that {self.precision} can't be computed; use fp32")
        if seen.devices != {self.device.type}:
            there = " and ".join(sorted(seen.devices))
            raise ValueError(
                f"{self._label}: is on {self.device.type}, its net on {there}; move the embedder as a whole"
            )
        if not learning and any(module.training for module in seen.two_mode):
            raise ValueError(f"{self._label}: its network is in training mode; call net.eval() before embedding")
        with torch.set_grad_enabled(learning):
            yield self.net if reason else self._made_form()
        if learning:
            self._made = self._digest = None  # a fused optimizer's step is not counted by torch

    def _hooked(self) -> str:
        """What of the network only a call of its own modules does; "" for nothing."""
        for module in self._seen[0].modules:
            if is_hooked(module) or "forward" in module.__dict__:
                return f"a hook is on its {type(module).__name__}"
        return ""

    def _fits(self) -> str:
        """What of the network's layers is not as it was built; "" for nothing. ValueError where it can't compute."""
        wanted, types = self._types, {name: type(module) for name, module in self.net.named_modules()}
        if not isinstance(self.net, wanted[""]):
            raise ValueError(f"{self._label}: net must be a {wanted[''].__name__}, got {types[''].__name__}")
        shape = vars(getattr(self.net, "architecture", NO_ARCHITECTURE))
        for name, value in self._architecture.items():
            if shape.get(name) != value:
                raise ValueError(f"{self._label}: net's {name} must be {value}, got {shape.get(name)}")
        if gone := wanted.keys() - types.keys():
            raise ValueError(f"{self._label}: net has no {min(gone)} any more; build an embedder of its own for that")
        for name, tensor in self.net.state_dict().items():
            if tensor.shape != self._shapes.get(name, tensor.shape):
                shapes = f"{tuple(self._shapes[name])}, got {tuple(tensor.shape)}"
                raise ValueError(f"{self._label}: net's {name} must be {shapes}")
            if tensor.is_floating_point() and tensor.dtype != torch.float32:
                kind = str(tensor.dtype).removeprefix("torch.")
                raise ValueError(f"{self._label}: net must stay float32, got {kind} in {name}; precision= rounds")
        others = (name for name, kind in types.items() if kind is not wanted.get(name))
        return next((f"its layer {name} is a {types[name].__name__}" for name in others), "")

    def _hash(self) -> str:
        if self._digest is None:
            self._digest = hash_of(self._tensors())
        return self._digest

    def __getstate__(self) -> dict[str, Any]:
        """Without the form that computes: packed layers can't be copied, they are made again."""
        self._notice()
        return {name: value for name, value in self.__dict__.items() if name not in ("_seen", "_made")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        digest = state["_digest"]
        self.__dict__ |= state
        self._take()
        self._digest = digest
