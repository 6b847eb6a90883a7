"""The address of a HEAR module in a spec: ``hear:hearbaseline.vggish``, ``hear:passt.hear?spec=2level-mel``.

Options are keyword arguments of the module's load_model. In the address they are a query string, percent-encoded. A
value that is a number, true, false, null or a quoted text is read as JSON; any other value is a text. In the canonical
form the options are sorted, and each value is written in the shortest way that is read back as the same value.
"""

import json
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from downstream.disk.fields import shown
from passt.catalog.card import Card
from passt.catalog.spec_text import OWN_HOP

PREFIX = "hear:"
LEVELS = ("embedding",)
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
UNTRAINED = re.compile(r"(?:^|@)(untrained-(?:0|[1-9]\d{0,17}))(?:@|$)")
EXPECTED = "expected hear:package.module or hear:package.module?option=value&option=value"


@dataclass(frozen=True)
class Address:
    """A module and the options of its load_model, sorted by name."""

    module: str
    options: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return PREFIX + self.module + (f"?{self.query}" if self.options else "")

    @property
    def query(self) -> str:
        """The options as the address has them, such as ``mode=logits&size=3``."""
        return "&".join(f"{_quoted(name)}={_quoted(_text(value))}" for name, value in self.options)

    @property
    def readable(self) -> str:
        """The options as labels have them."""
        return " ".join(f"{name}={_text(value)}" for name, value in self.options)


def parse(text: str) -> Address:
    """Read an address; ValueError names what is wrong with the text."""
    module, mark, query = text.removeprefix(PREFIX).partition("?")
    if not MODULE.fullmatch(module):
        raise ValueError(f"{text!r} names no module; {EXPECTED}")
    options = {}
    for part in query.split("&") if mark else ():
        name, equals, value = part.partition("=")
        name, value = urllib.parse.unquote_plus(name), urllib.parse.unquote_plus(value)
        if not (name and equals):
            raise ValueError(f"{text!r}: {part!r} is no option; {EXPECTED}")
        if name in options:
            raise ValueError(f"{text!r}: option {name} given twice")
        options[name] = _value(value)
    return of(module, options)


def of(module: Any, options: Mapping[Any, Any]) -> Address:
    """Make an address.

    Args:
        module: its name, without `hear:`.
        options: of its load_model.

    Raises:
        ValueError: a name or an option that an address can't hold.
    """
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
    """The fields of a study's model, with `checkpoint` in place of `hear` and `options`."""
    others = dict(fields)
    options = others.pop("options", {})
    if not isinstance(options, Mapping):
        raise ValueError(f"options must be a mapping or a list of mappings, got {shown(options)}")
    if "hear" not in others:
        if options:
            raise ValueError("options are for HEAR modules, which `hear` names; got no such key")
        return others
    if "checkpoint" in others:
        raise ValueError(f"a model has one of checkpoint and hear, got {others['checkpoint']!r} and {others['hear']!r}")
    address = parse(str(others.pop("hear")))
    if address.options and options:
        raise ValueError(f"{address}: options given twice, got {shown(dict(options))} too")
    return {"checkpoint": str(of(address.module, options) if options else address), **others}


def short_name(checkpoint: str) -> tuple[str, str]:
    """The name of a checkpoint in labels, and the options of a HEAR module."""
    if not checkpoint.startswith(PREFIX):
        return checkpoint, ""
    address = parse(checkpoint)
    return address.module, address.readable


def card(text: str) -> Card:
    """Make the card of a module without loading it.

    Its weights are its own (`published`) or a file. A module can't say whether its weights are random, or whether it
    has any: `untrained-SEED` and `none` declare it, as a label of its rows that changes nothing else. If an option
    names such weights, as passt.hear's `spec` may, they are the default and the only choice. The sample rate is 0,
    because only the loaded model has it.
    """
    address = parse(text)
    texts = [value for _, value in address.options if isinstance(value, str)]
    named = [match[1] for text in texts if (match := UNTRAINED.search(text))]
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
    """Read the text of an option."""
    try:
        value = json.loads(text, parse_constant=lambda _: text)  # NaN and Infinity are texts
    except ValueError:
        return text
    return text if isinstance(value, list | dict) else value


def _text(value: Any) -> str:
    """Write a value as the shortest text that is read back as the same value."""
    return value if isinstance(value, str) and _value(value) == value else json.dumps(value, ensure_ascii=False)


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="")
