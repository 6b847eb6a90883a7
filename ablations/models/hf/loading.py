"""Configurations, feature extractors and networks of the library transformers, from the folder of an encoder."""

import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ablations.models.hf.library import silent
from ablations.models.hf.repository import CONFIGURATION, PREPROCESSORS, Files, with_weights

HEADS = ("ForCTC", "ForSequenceClassification", "ForAudioClassification")
"""How classes of the library end whose outputs have logits of sound."""
TOWERS = ("audio_model", "audio_tower", "audio_encoder", "speech_encoder")
"""Where models of sound and text keep the encoder of sound."""
UNUSED = ("masked_spec_embed", "mask_emb", "position_ids")
"""Tensors that a file may lack: embeddings do not depend on them."""


@dataclass(frozen=True)
class Network:
    """A network of the library, and the part of it that encodes sound.

    Attributes:
        whole: what is called: the encoder itself, or the network with its head around it.
        encoder: gives the hidden states.
        inputs: names of the inputs that it takes.
    """

    whole: nn.Module
    encoder: nn.Module
    inputs: frozenset[str]

    @property
    def has_head(self) -> bool:
        """Whether the outputs of the whole have logits."""
        return self.whole is not self.encoder


def configuration(files: Files) -> Any:
    """The configuration of an encoder.

    Raises:
        ValueError: one that the library can't read, or whose code may not run.
    """
    content = files.json([CONFIGURATION])
    if files.address.remote_code:
        for name in _code(content):
            if "--" in name:
                raise ValueError(f"{files.title}: its code is in another repository, {name!r}, which has no revision")
    elif _code(content) and not _is_known(content):
        need = "needs code of its own; to run it, add ?remote_code=true&revision=COMMIT to its address"
        raise ValueError(f"{files.title}: {need}")
    with silent() as library:
        try:
            return library.AutoConfig.from_pretrained(files.folder, **_local(files))
        except Exception as error:
            raise _unreadable(files, CONFIGURATION, error) from None


def extractor(files: Files) -> Any:
    """The feature extractor of an encoder; ValueError if it has none for sound."""
    preprocessor = files.json(PREPROCESSORS)
    with silent() as library:
        try:
            made = library.AutoFeatureExtractor.from_pretrained(files.folder, **_local(files))
        except Exception as error:
            raise _unreadable(files, PREPROCESSORS[0], error) from None
    rate = getattr(made, "sampling_rate", None)
    if not isinstance(rate, int) or rate < 1:
        kind = (
            preprocessor.get("feature_extractor_type")
            or preprocessor.get("image_processor_type")
            or type(made).__name__
        )
        raise ValueError(f"{files.title}: has no audio encoder: its preprocessor {kind} has no sampling rate")
    return made


def on_meta(config: Any, files: Files) -> Network:
    """Build the network without values."""
    with silent(), torch.device("meta"):
        return _network(_class(config, files)._from_config(config, dtype=torch.float32), config, files)


def untrained(config: Any, files: Files, seed: int) -> Network:
    """Build the network with the random values that the library gives a new one, from a seed."""
    with silent(), torch.random.fork_rng(devices=[]), torch.device("cpu"):
        torch.manual_seed(seed)
        return _network(_class(config, files)._from_config(config, dtype=torch.float32), config, files)


def trained(config: Any, files: Files) -> Network:
    """Build the network with the tensors of its file.

    Raises:
        ValueError: no file that may be read, or one that lacks tensors or has them in other shapes.
    """
    pickle = with_weights(files)
    with silent():
        try:
            model, notes = _class(config, files).from_pretrained(
                files.folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=not pickle,
                weights_only=True,
                output_loading_info=True,
                **_local(files),
            )
        except Exception as error:
            raise _unreadable(files, "its weights", error) from None
    network = _network(model, config, files)
    needed = {id(tensor): name for name, tensor in _tensors(model).items()}
    used = {needed[id(tensor)] for tensor in _tensors(network.whole).values() if id(tensor) in needed}
    missing = sorted(name for name in notes["missing_keys"] if name in used and not name.endswith(UNUSED))
    if missing:
        raise ValueError(f"{files.title}: its weights lack {len(missing)} tensors of the network, such as {missing[0]}")
    return network


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


def _network(model: Any, config: Any, files: Files) -> Network:
    """Find the encoder of sound in a model."""
    model.eval().requires_grad_(False)
    whole = encoder = model
    for name in TOWERS:
        if isinstance(getattr(model, name, None), nn.Module):
            whole = encoder = getattr(model, name)
            break
    else:
        if type(model).__name__.endswith(HEADS):
            inner = model.base_model if model.base_model is not model else getattr(model, "encoder", None)
            if not isinstance(inner, nn.Module):
                raise ValueError(f"{files.title}: the encoder in its {type(model).__name__} is not known")
            encoder = inner
        elif getattr(config, "is_encoder_decoder", False):
            whole = encoder = model.get_encoder()
    return Network(whole, encoder, frozenset(inspect.signature(whole.forward).parameters))


def _class(config: Any, files: Files) -> Any:
    """The class of the library that has the network, with its head if that gives logits of sound."""
    with silent() as library:
        if files.address.remote_code and (names := getattr(config, "auto_map", None)):
            from transformers.dynamic_module_utils import get_class_from_dynamic_module

            kinds = [kind for kind in ("AutoModelForAudioClassification", "AutoModel") if kind in names]
            if not kinds:
                raise ValueError(f"{files.title}: its code has no model, only {', '.join(names)}")
            return get_class_from_dynamic_module(names[kinds[0]], str(files.folder), local_files_only=True)
        name = next(iter(getattr(config, "architectures", None) or ()), "")
        known = getattr(library, name, None) if name.endswith(HEADS) else None
        if known is not None:
            return known
        try:
            known = library.MODEL_MAPPING[type(config)]
        except KeyError:
            raise ValueError(f"{files.title}: the library has no model for {config.model_type!r}") from None
        return known[0] if isinstance(known, tuple) else known


def _code(content: dict[str, Any]) -> list[str]:
    """The names of code that a configuration asks for."""
    names = content.get("auto_map") or {}
    return [str(part) for value in names.values() for part in (value if isinstance(value, list) else [value])]


def _is_known(content: dict[str, Any]) -> bool:
    """Whether the library itself has models of a configuration's type."""
    with silent() as library:
        return content.get("model_type") in library.CONFIG_MAPPING


def _local(files: Files) -> dict[str, Any]:
    return {"local_files_only": True, "trust_remote_code": files.address.remote_code}


def _unreadable(files: Files, what: str, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())[:240]
    return ValueError(f"{files.title}: the library transformers can't read {what}: {type(error).__name__}: {reason}")
