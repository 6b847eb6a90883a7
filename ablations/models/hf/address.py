"""The address of an encoder in a spec: ``hf:facebook/wav2vec2-base``, ``hf:./mine``, ``hf:ORG/NAME?revision=v1``.

What begins with ``/``, ``.`` or ``~`` is a folder; anything else is ORG/NAME, a repository of the hub. Options are a
query string, percent-encoded:

    revision=COMMIT       a commit, a tag or a branch of the repository; ``hf:ORG/NAME@COMMIT`` is the same
    pickle=true           take weights that are a pickle where there is no safetensors file
    remote_code=true      run the code that the repository brings; it needs a revision of 40 hex digits
"""

import os
import re
import urllib.parse
from dataclasses import dataclass, replace
from pathlib import Path

from downstream.disk.files import expanded

PREFIX = "hf:"
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")
FLAGS = ("pickle", "remote_code")
EXPECTED = "expected hf:ORG/NAME, hf:ORG/NAME@REVISION, or a folder that begins with /, ./, ../ or ~"
MAIN = "main"


@dataclass(frozen=True)
class Address:
    """Where an encoder is, and what may be read of it.

    Attributes:
        place: ORG/NAME, or the path of a folder.
        revision: of a repository.
        pickle: whether weights may be a pickle.
        remote_code: whether the code of the repository may run.
    """

    place: str
    revision: str = MAIN
    pickle: bool = False
    remote_code: bool = False

    def __str__(self) -> str:
        values = {name: "true" for name in FLAGS if getattr(self, name)}
        if self.revision != MAIN:
            values["revision"] = self.revision
        query = "&".join(f"{name}={_quoted(value)}" for name, value in sorted(values.items()))
        return PREFIX + urllib.parse.quote(self.place, safe="/") + (f"?{query}" if query else "")

    @property
    def folder(self) -> Path | None:
        """The folder that it names; None for a repository."""
        return Path(self.place) if _is_folder(self.place) else None

    @property
    def readable(self) -> str:
        """What tells it from others of its name, for labels."""
        flags = [name for name in FLAGS if getattr(self, name)]
        return " ".join([*([self.revision[:12]] if self.revision != MAIN else []), *flags])


def parse(text: str) -> Address:
    """Read an address; ValueError names what is wrong with the text."""
    body, _, query = text.removeprefix(PREFIX).partition("?")
    body, at, revision = body.partition("@")
    place = urllib.parse.unquote(body)
    options = _options(text, query)
    if at:
        if "revision" in options:
            raise ValueError(f"{text!r}: revision given twice")
        options["revision"] = urllib.parse.unquote(revision)
    if _is_folder(place):
        place = _normalized(place)
        if "revision" in options:
            raise ValueError(f"{text!r}: a folder has no revision")
    elif not REPOSITORY.fullmatch(place):
        raise ValueError(f"{text!r} names no encoder; {EXPECTED}")
    revision = options.get("revision", MAIN)
    if not revision:
        raise ValueError(f"{text!r}: revision must be a commit, a tag or a branch, got ''")
    address = Address(place, revision, **{name: name in options for name in FLAGS})
    if address.remote_code and address.folder is None and not COMMIT.fullmatch(revision):
        got = f"got {revision!r}"
        raise ValueError(f"{text!r}: remote_code=true needs revision=COMMIT, a commit of 40 hex digits, {got}")
    return address


def below(text: str, base: Path) -> str:
    """Let the path of a relative folder begin at a folder, as the paths in a study do; other addresses stay."""
    address = parse(text)
    if address.folder is None or address.folder.is_absolute():
        return str(address)
    return str(replace(address, place=_normalized(os.path.join(base, address.folder))))  # noqa: PTH118  # keeps its ./


def short_name(checkpoint: str) -> tuple[str, str]:
    """The name of an encoder in labels, and what tells it from others of that name.

    >>> short_name("hf:openai/whisper-tiny?revision=v1")
    ('whisper-tiny', 'v1')
    """
    address = parse(checkpoint)
    return Path(address.place).name or address.place, address.readable


def _is_folder(place: str) -> bool:
    return place.startswith(("/", "./", "../", "~")) or place in (".", "..")


def _normalized(place: str) -> str:
    """The shortest path of a folder that still begins as the path of a folder does."""
    path = os.path.normpath(expanded(place))
    return path if _is_folder(path) else f"./{path}"


def _options(text: str, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        name, value = urllib.parse.unquote(name), urllib.parse.unquote(value)
        if name in options:
            raise ValueError(f"{text!r}: option {name} given twice")
        if name not in (*FLAGS, "revision"):
            raise ValueError(f"{text!r}: unknown option {name!r}; expected revision, {', '.join(FLAGS)}")
        if name in FLAGS and value not in ("true", "false"):
            raise ValueError(f"{text!r}: {name} must be true or false, got {value!r}")
        if value != "false" or name not in FLAGS:
            options[name] = value
    return options


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")
