"""The files of an encoder: in a folder, in the hub's cache, or fetched to it.

Files that are in the cache are used as they are, without asking the hub. So a branch such as main stays at the commit
that was fetched first. Nothing is fetched where $HF_HUB_OFFLINE or $PASST_OFFLINE forbids it.
"""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.models.hf.address import Address
from ablations.models.hf.library import transformers
from downstream.disk.text_file import read_json
from passt.fetch.download import offline

logger = logging.getLogger(__name__)

CONFIGURATION = "config.json"
PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")
SAFE, PICKLED = "model.safetensors", "pytorch_model.bin"
OFFLINE_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclass(frozen=True)
class Files:
    """The folder of an encoder.

    Attributes:
        title: what messages call it: the address, and for a repository the revision and the cache.
        folder: has the configuration and the preprocessor; after `with_weights` the tensors, too.
        address: of the encoder.
    """

    title: str
    folder: Path
    address: Address

    def json(self, names: Sequence[str]) -> dict[str, Any]:
        """Read the first of some JSON files that is there; ValueError if none is."""
        for name in names:
            if (self.folder / name).is_file():
                content = read_json(self.folder / name)
                if isinstance(content, dict):
                    return content
                raise ValueError(f"{self.folder / name}: must be a mapping, got {type(content).__name__}")
        raise ValueError(f"{self.title}: has no audio encoder: no {' or '.join(names)}")


def described(address: Address) -> Files:
    """Find the configuration and the preprocessor of an encoder, and fetch them if they are not here.

    Raises:
        ValueError: they are not there, or can't be fetched. One line names repository, revision and folder.
    """
    if (folder := address.folder) is not None:
        if not folder.is_dir():
            raise ValueError(f"{address}: no folder at {folder.absolute()}")
        if not (folder / CONFIGURATION).is_file():
            raise ValueError(f"{address}: no {CONFIGURATION} in {folder.absolute()}, which the folder of a model has")
        return Files(str(address), folder, address)
    title = f"{address.place} at revision {address.revision}"
    configuration = _file(address, address.revision, CONFIGURATION)
    if configuration is None:
        _refuse_offline(address, CONFIGURATION)
        raise ValueError(f"{title}: is no model of transformers: it has no {CONFIGURATION} (cache: {cache()})")
    files = Files(title, configuration.parent, address)
    if not any(_file(address, files.folder.name, name) for name in PREPROCESSORS):
        _refuse_offline(address, PREPROCESSORS[0])
    if address.remote_code:
        _fetch_code(files)
    return files


def with_weights(files: Files) -> bool:
    """Find the tensors of an encoder, and fetch them if they are not here.

    Returns:
        Whether they are a pickle.

    Raises:
        ValueError: there are none, or only a pickle, which the address does not allow.
    """
    if _complete(files, SAFE):
        return False
    if files.address.folder is None and not files.address.pickle:
        _refuse_offline(files.address, SAFE)
    if not files.address.pickle:
        pickled = _there(files, PICKLED)
        hint = "; add ?pickle=true to its address to take them" if pickled else "; untrained-SEED needs none"
        has = f"only weights that are a pickle ({PICKLED})" if pickled else "no weights"
        raise ValueError(f"{files.title}: has {has}, expected {SAFE} in {files.folder}{hint}")
    if not _complete(files, PICKLED):
        if files.address.folder is None:
            _refuse_offline(files.address, PICKLED)
        raise ValueError(f"{files.title}: has no weights, expected {SAFE} or {PICKLED} in {files.folder}")
    return True


def cache() -> Path:
    """The folder of the hub's cache."""
    if place := os.environ.get("HF_HUB_CACHE"):
        return Path(place)
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(home).expanduser() / "hub"


def is_offline() -> bool:
    """Whether the user forbids the network."""
    return offline() or any(
        os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in OFFLINE_VARIABLES
    )


def _complete(files: Files, name: str) -> bool:
    """Whether a file of tensors is there, whole or as the parts that its index names; fetches what is missing."""
    if _there(files, name, fetched=True):
        return True
    index = f"{name}.index.json"
    if not _there(files, index, fetched=True):
        return False
    try:
        parts = sorted(set(json.loads((files.folder / index).read_text())["weight_map"].values()))
    except (ValueError, KeyError, AttributeError):
        raise ValueError(f"{files.folder / index}: is no index of weights") from None
    for part in parts:
        if not isinstance(part, str) or Path(part).name != part or not _there(files, part, fetched=True):
            raise ValueError(f"{files.title}: {index} names {part!r}, which is not there")
    return True


def _there(files: Files, name: str, fetched: bool = False) -> bool:
    """Whether a file is in the folder, or in the repository that the folder is a copy of."""
    if (files.folder / name).is_file():
        return True
    if files.address.folder is not None:
        return False
    if fetched:
        return _file(files.address, files.folder.name, name) is not None
    try:
        return bool(_hub().file_exists(files.address.place, name, revision=files.folder.name))
    except Exception:  # only a hint in a message depends on it
        return False


def _hub() -> Any:
    transformers()
    import huggingface_hub

    return huggingface_hub


def _file(address: Address, revision: str, name: str) -> Path | None:
    """A file of a repository; None if the repository has no such file."""
    hub = _hub()
    place: dict[str, Any] = {"revision": revision, "cache_dir": cache()}
    known = hub.try_to_load_from_cache(address.place, name, **place)
    if isinstance(known, str):
        return Path(known)
    if known is not None:  # the cache knows that there is none
        return None
    errors = hub.errors
    where = f"{address.place} at revision {address.revision}"
    if is_offline():
        return None
    try:
        logger.info("fetching %s of %s", name, where)
        endpoint = os.environ.get("HF_ENDPOINT") or None
        return Path(hub.hf_hub_download(address.place, name, endpoint=endpoint, **place))
    except errors.RevisionNotFoundError:
        raise ValueError(f"{address.place}: has no revision {address.revision!r}") from None
    except errors.GatedRepoError:
        raise ValueError(f"{where}: is open only to who has accepted its terms on the hub (`hf auth login`)") from None
    except errors.RepositoryNotFoundError:
        raise ValueError(f"{where}: there is no such repository{_folder_hint(address)}") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        reason = _reason(error)
        raise ValueError(f"{where}: {name} is not in the cache {cache()}, and can't be fetched: {reason}") from None
    except errors.EntryNotFoundError:
        return None
    except Exception as error:  # of the network, in the names of several libraries
        raise ValueError(f"{where}: {name} can't be fetched to {cache()}: {_reason(error)}") from None


def _refuse_offline(address: Address, name: str) -> None:
    if is_offline():
        where = f"{address.place} at revision {address.revision}"
        raise ValueError(f"{where}: {name} is not in the cache {cache()}, and the network is switched off")


def _fetch_code(files: Files) -> None:
    hub, revision = _hub(), files.folder.name
    try:
        hub.snapshot_download(
            files.address.place,
            revision=revision,
            cache_dir=cache(),
            allow_patterns=["*.py", "*.json"],
            local_files_only=is_offline(),
            endpoint=os.environ.get("HF_ENDPOINT") or None,
        )
    except Exception as error:
        raise ValueError(f"{files.title}: its code can't be fetched to {cache()}: {_reason(error)}") from None


def _folder_hint(address: Address) -> str:
    return f"; the folder of that name is hf:./{address.place}" if Path(address.place).is_dir() else ""


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
