"""Embedders that follow their network.

If the network is trained or changed, numbers, name and fingerprint change with it.

Embeddings are often not computed by the network itself but by an inference form of it: packed for oneDNN, with norms
folded in, or rounded. The form is built again whenever the network is no longer the one that it was built from.
"""

import contextlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from passt.network.identity import fingerprint_of_hash, hash_of
from passt.network.precision import Precision
from passt.network.snapshot import Snapshot, is_hooked

_compared: ContextVar["FollowsNetwork | None"] = ContextVar("_compared", default=None)
"""The embedder whose network this thread has just compared; see `FollowsNetwork._unchanging`."""


class FollowsNetwork:
    """Base of the embedders of one network.

    Numbers, name and fingerprint are those of the network as it is now.

    The inference form computes whenever no gradients are wanted. It is built again if tensors were written or
    replaced, or if layers or the whole network were exchanged. The network itself computes in three cases: under
    autograd, if a parameter requires gradients; if it has hooks; and if its layers are of other types than at first.

    Attributes:
        net: the network, in float32.
        mel: the front end, if it is a module. It must not be changed.
        device: where the network computes.
        precision: name of the precision.
    """

    net: nn.Module
    mel: nn.Module | None = None
    device: torch.device
    precision: str
    _precision: Precision
    _label: str
    """Checkpoint and weights that the embedder was built with."""
    _inference_form: nn.Module | None
    _digest: str | None

    @abstractmethod
    def _form(self) -> nn.Module:
        """Build the inference form of the network."""

    @abstractmethod
    def _settings(self) -> Mapping[str, Any]:
        """Give the settings that decide the numbers together with the tensors, as plain JSON values."""

    def _tensors(self) -> Mapping[str, Tensor]:
        """Give the tensors of the network under their published names."""
        return self.net.state_dict()

    def _architecture(self) -> Mapping[str, Any]:
        """Give the numbers of the architecture, which a network set in this one's place must share."""
        return {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, {self.device}>"

    @property
    def name(self) -> str:
        """Checkpoint and weights, for people."""
        return f"{self._label.rpartition('@')[0]}@{self._weights}"

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for architecture, front end, tensors and precision.

        Raises:
            ValueError: the network has hooks or layers whose numbers do not follow from its tensors.
        """
        self._notice()
        if reason := self._hooked() or self._foreign:
            raise ValueError(f"{self._label}: no fingerprint tells what it computes: {reason}; remove it for that")
        return fingerprint_of_hash(self._settings(), self._hash())

    @property
    def _weights(self) -> str:
        """The weights part of the spec.

        It is the one that the embedder was built with, or `sha256-` with the hash of the tensors once they have
        changed.
        """
        self._notice()
        return f"sha256-{self._hash()[:12]}" if self._changed else self._label.rpartition("@")[2]

    @property
    def _ready(self) -> nn.Module:
        """The inference form of the network as it is now."""
        self._notice()
        return self._current_form()

    def _current_form(self) -> nn.Module:
        if self._inference_form is None:
            with torch.no_grad():
                self._inference_form = self._form()
        return self._inference_form

    def _follow(self) -> None:
        """Remember the network as it was built: its layers' types, its shapes and its architecture."""
        self._types = {name: type(module) for name, module in self.net.named_modules()}
        self._shapes = {name: tensor.shape for name, tensor in self.net.state_dict().items()}
        self._built_with = dict(self._architecture())
        self._changed, self._foreign = False, ""
        self._take()

    def _take(self) -> None:
        """Remember the network as it is now, and forget what was derived from it before."""
        self._seen = (Snapshot(self.net), None if self.mel is None else Snapshot(self.mel))
        self._inference_form = None
        self._digest = None

    @contextlib.contextmanager
    def _unchanging(self) -> Iterator[None]:
        """Compare the network once for all that this thread computes inside.

        On a GPU each comparison waits for everything that was launched before.
        """
        self._notice()
        token = _compared.set(self)
        try:
            yield
        finally:
            _compared.reset(token)

    def _notice(self) -> None:
        """Compare the network with what was seen last. Raise ValueError if it cannot be followed."""
        if _compared.get() is self:
            return
        net, mel = self._seen
        if mel is not None and (self.mel is None or not mel.holds(self.mel)):
            raise ValueError(f"{self._label}: its front end was changed, which is fixed; build another embedder")
        if not net.holds(self.net):
            self._foreign = self._fits()
            self._take()
            self._changed = True

    @contextlib.contextmanager
    def _computing(self) -> Iterator[nn.Module]:
        """Choose what computes a call: the network under autograd, or its inference form.

        Raises:
            ValueError: the network cannot be followed, or it would have to compute in bf16 without its inference form.
        """
        self._notice()
        seen = self._seen[0]
        learning = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in seen.tensors)
        reason = "its parameters want gradients" if learning else self._hooked() or self._foreign
        if reason and self._precision.dtype != torch.float32:
            raise ValueError(f"{self._label}: {reason}, so that {self.precision} can't be computed; use fp32")
        if seen.devices != {self.device.type}:
            devices = " and ".join(sorted(seen.devices))
            raise ValueError(
                f"{self._label}: is on {self.device.type}, its net on {devices}; move the embedder as a whole"
            )
        if not learning and any(module.training for module in seen.two_mode):
            raise ValueError(f"{self._label}: its network is in training mode; call net.eval() before embedding")
        with torch.set_grad_enabled(learning):
            yield self.net if reason else self._current_form()
        if learning:
            self._inference_form = self._digest = None  # torch does not count a fused optimizer's step

    def _hooked(self) -> str:
        """Name a hook of the network, which its inference form would not run; "" if there is none."""
        for module in self._seen[0].modules:
            if is_hooked(module) or "forward" in module.__dict__:
                return f"a hook is on its {type(module).__name__}"
        return ""

    def _fits(self) -> str:
        """Say which layer is not of the type it was built with; "" if all are.

        Raises:
            ValueError: the network cannot compute for this embedder.
        """
        expected, types = self._types, {name: type(module) for name, module in self.net.named_modules()}
        if not isinstance(self.net, expected[""]):
            raise ValueError(f"{self._label}: net must be a {expected[''].__name__}, got {types[''].__name__}")
        numbers = self._architecture()
        for name, value in self._built_with.items():
            if numbers[name] != value:
                raise ValueError(f"{self._label}: net's {name} must be {value}, got {numbers[name]}")
        if missing := expected.keys() - types.keys():
            raise ValueError(
                f"{self._label}: net has no {min(missing)} any more; build an embedder of its own for that"
            )
        for name, tensor in self.net.state_dict().items():
            if tensor.shape != self._shapes.get(name, tensor.shape):
                shapes = f"{tuple(self._shapes[name])}, got {tuple(tensor.shape)}"
                raise ValueError(f"{self._label}: net's {name} must be {shapes}")
            if tensor.is_floating_point() and tensor.dtype != torch.float32:
                kind = str(tensor.dtype).removeprefix("torch.")
                raise ValueError(f"{self._label}: net must stay float32, got {kind} in {name}; precision= rounds")
        others = (name for name, kind in types.items() if kind is not expected.get(name))
        return next((f"its layer {name} is a {types[name].__name__}" for name in others), "")

    def _hash(self) -> str:
        if self._digest is None:
            self._digest = hash_of(self._tensors())
        return self._digest

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the inference form, which is built again when it is needed.

        Packed layers can't be copied.
        """
        self._notice()
        return {name: value for name, value in self.__dict__.items() if name not in ("_seen", "_inference_form")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        digest = state["_digest"]
        self.__dict__ |= state
        self._take()
        self._digest = digest
