"""The address of a HEAR module in a spec: ``hear:hearbaseline.vggish``, ``hear:passt.hear?spec=2level-mel``.

Options go to the module's load_model as keyword arguments. In the address they are a query string, percent-encoded;
values are JSON where they are a number, true, false, null or a quoted text, and else the text itself. There is
one canonical form: options sorted, each value written in the shortest way that is read back as the same value.
"""

import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from downstream.disk.fields import shown
from passt.catalog.card import Card
from passt.catalog.spec import OWN_HOP

PREFIX = "hear:"
LEVELS = ("embedding",)
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
UNTRAINED = re.compile(r"(?:^|@)(untrained-(?:0|[1-9]\d{0,17}))(?:@|$)")
WANTED = "expected hear:package.module or hear:package.module?option=value&option=value"


@dataclass(frozen=True)
class Address:
    """A module and the options of its load_model, sorted by name."""

    module: str
    options: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return PREFIX + self.module + (f"?{self.query}" if self.options else "")

    @property
    def query(self) -> str:
        """The options as the address has them: ``mode=logits&size=3``."""
        return "&".join(f"{_quoted(name)}={_quoted(_text(value))}" for name, value in self.options)

    @property
    def readable(self) -> str:
        """The options as labels have them."""
        return " ".join(f"{name}={_text(value)}" for name, value in self.options)


def parse(text: str) -> Address:
    """The address that a text stands for; ValueError names what is wrong with it."""
    module, mark, query = text.removeprefix(PREFIX).partition("?")
    if not MODULE.fullmatch(module):
        raise ValueError(f"{text!r} names no module; {WANTED}")
    options = {}
    for part in query.split("&") if mark else ():
        name, equals, value = part.partition("=")
        name, value = urllib.parse.unquote_plus(name), urllib.parse.unquote_plus(value)
        if not (name and equals):
            raise ValueError(f"{text!r}: {part!r} is no option; {WANTED}")
        if name in options:
            raise ValueError(f"{text!r}: option {name} given twice")
        options[name] = _value(value)
    return of(module, options)


def of(module: Any, options: Mapping[Any, Any]) -> Address:
    """The address of a module (without `hear:`) with options; ValueError for what an address can't hold."""
    if not isinstance(module, str) or not MODULE.fullmatch(module):
        raise ValueError(f"hear must be the name of a module, got {shown(module)}")
    for name, value in options.items():
        if not isinstance(name, str) or not name:
            raise ValueError(f"hear:{module}: options must have names, got {name!r}")
        if not isinstance(value, str | int | float | None) or value in (float("inf"), -float("inf")) or value != value:
            raise ValueError(
                f"hear:{module}: option {name} must be a text, number, true, false or null, got {shown(value)}"
            )
        if name == "model_file_path":
            raise ValueError(
                f"hear:{module}: option model_file_path: a weight file is named by weights, not by options"
            )
    return Address(module, tuple(sorted(options.items())))


def as_checkpoint(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a model of a study, with `checkpoint` in the place of `hear` and `options`."""
    found = dict(fields)
    options = found.pop("options", {})
    if not isinstance(options, Mapping):
        raise ValueError(f"options must be a mapping or a list of mappings, got {shown(options)}")
    if "hear" not in found:
        if options:
            raise ValueError("options are for HEAR modules, which `hear` names; got no such key")
        return found
    if "checkpoint" in found:
        raise ValueError(f"a model has one of checkpoint and hear, got {found['checkpoint']!r} and {found['hear']!r}")
    address = parse(str(found.pop("hear")))
    if address.options and options:
        raise ValueError(f"{address}: options given twice, got {shown(dict(options))} too")
    return {"checkpoint": str(of(address.module, options) if options else address), **found}


def short_name(checkpoint: str) -> tuple[str, str]:
    """What labels call a checkpoint, and a HEAR module's options."""
    if not checkpoint.startswith(PREFIX):
        return checkpoint, ""
    address = parse(checkpoint)
    return address.module, address.readable


def card(text: str) -> Card:
    """The card of a module, which is not asked: weights are its own (`published`) or a file.

    Whether a module's weights are random it does not say, nor whether it has any. `untrained-SEED` and `none` declare
    it, as a label of its rows that changes nothing else. Where an option names such weights, as passt.hear's `spec`
    may, they are the default and the only choice. The sample rate is 0: the loaded model has it.
    """
    address = parse(text)
    named = [found[1] for _, value in address.options if isinstance(value, str) and (found := UNTRAINED.search(value))]
    return Card(
        str(address),
        "hear",
        sample_rate=0,
        levels=LEVELS,
        default_levels=LEVELS,
        default_timestamp_hop_ms=OWN_HOP,
        default_weights=named[0] if named else "published",
        weights=("untrained",) if named else ("published", "untrained", "none", "sha256"),
    )


def _value(text: str) -> Any:
    """What the text of an option stands for."""
    try:
        found = json.loads(text, parse_constant=lambda _: text)  # NaN and Infinity are texts
    except ValueError:
        return text
    return text if isinstance(found, list | dict) else found


def _text(value: Any) -> str:
    """The shortest text that stands for a value."""
    return value if isinstance(value, str) and _value(value) == value else json.dumps(value, ensure_ascii=False)


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")
