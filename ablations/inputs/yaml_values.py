"""Read YAML without surprises: what YAML 1.1 reads unexpectedly is an error.

Refused are repeated keys, octal numbers (0640), numbers in base 60 (1:30), yes and no, very long numbers, aliases that
make a tree larger than its text, and deep nesting. Dates are texts.
"""

import re
from collections.abc import Callable
from typing import Any, ClassVar

import yaml

MOST_DEPTH = 32
MOST_SIZE = 100_000
"""Number of values and characters of a tree whose aliases are written out."""
MOST_DIGITS = 18
BASE_60 = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.\d*)?")
OCTAL = re.compile(r"[-+]?0[0-9_]+")
PREFIX = "tag:yaml.org,2002:"
KINDS = tuple(PREFIX + name for name in ("str", "int", "float", "bool", "null", "seq", "map"))
QUOTES = "or in quotes where it is a text"


class _Refused(yaml.MarkedYAMLError):  # type: ignore[misc]  # yaml has no types
    """The text is YAML, but is refused."""

    def __init__(self, reason: str, node: Any) -> None:
        super().__init__(problem=reason, problem_mark=node.start_mark)


def parse_yaml(text: str) -> Any:
    """Return the value of a YAML text.

    Raises:
        ValueError: the text is not YAML, or is refused; names the line of the text.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        kind = "" if isinstance(error, _Refused) else "not YAML: "
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{kind}{line}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"not YAML: {' '.join(str(error).split())}") from None


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    """A SafeLoader that refuses what the docstring of this module lists."""

    yaml_implicit_resolvers: ClassVar = {
        mark: [(tag, pattern) for tag, pattern in resolvers if tag != f"{PREFIX}timestamp"]
        for mark, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors: ClassVar = {
        tag: construct for tag, construct in yaml.SafeLoader.yaml_constructors.items() if tag in (*KINDS, None)
    }
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> yaml.Node:
        """Compose a node unless it lies too deep; checked before its children are read."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise _Refused(f"nested deeper than {MOST_DEPTH}", self.peek_event())
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def get_single_node(self) -> yaml.Node | None:
        """Compose the document, and check it before its values are made."""
        node = super().get_single_node()
        if node is not None:
            self._check(node, {})
        return node

    def _check(self, node: yaml.Node, known: dict[int, int]) -> int:
        """Count the values and characters of a node with its aliases written out.

        Too many of them are refused, and so are repeated keys.

        Args:
            node: the node.
            known: number of a node object -> its count; 0 while it is being counted.
        """
        if id(node) in known:
            if not known[id(node)]:
                raise _Refused("an alias is part of what it stands for", node)
            return known[id(node)]
        known[id(node)] = 0
        if isinstance(node, yaml.ScalarNode):
            children: list[yaml.Node] = []
        elif isinstance(node, yaml.SequenceNode):
            children = node.value
        else:
            self._check_keys(node)
            children = [child for pair in node.value for child in pair]
        characters = len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        size = 1 + characters + sum(self._check(child, known) for child in children)
        if size > MOST_SIZE:
            raise _Refused(f"more than {MOST_SIZE} values and characters, counted with its aliases written out", node)
        known[id(node)] = size
        return size

    def _check_keys(self, node: yaml.MappingNode) -> None:
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Refused("a key must be a word", key)
            name = key.value if key.tag == f"{PREFIX}merge" else self.construct_object(key)
            if not isinstance(name, str):
                raise _Refused(f"a key must be a word, got {key.value[:40]!r}; write it in quotes", key)
            if name in lines:
                raise _Refused(f"the key {key.value!r:.60} is there twice, first in line {lines[name]}", key)
            lines[name] = key.start_mark.line + 1


Construct = Callable[[Any, yaml.Node], Any]
"""(loader, node) -> value."""


def _strict(construct: Construct, objection: Callable[[str], str]) -> Construct:
    """A constructor that refuses a value for which `objection` returns a text."""

    def constructed(loader: _Loader, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise _Refused("expected a single value", node)
        if reason := objection(node.value):
            raise _Refused(f"{node.value[:40]!r} {reason}", node)
        return construct(loader, node)

    return constructed


def _not_a_number(text: str) -> str:
    if BASE_60.fullmatch(text):
        return f"is read as a number in base 60; write it out, {QUOTES}"
    if OCTAL.fullmatch(text):
        return f"is read as an octal number; write it without zeros in front, {QUOTES}"
    digits = sum(map(str.isalnum, text))
    if not digits:
        return "is no number"
    if digits > MOST_DIGITS and "." not in text:
        return f"has {digits} digits, and at most {MOST_DIGITS} are read; write fewer, {QUOTES}"
    return ""


def _not_a_flag(text: str) -> str:
    if text.lower() in ("true", "false"):
        return ""
    meant = "true" if text.lower() in ("yes", "on") else "false"
    return f"is read as {meant}; write {meant}, {QUOTES}"


for _name, _objection in (("int", _not_a_number), ("float", _not_a_number), ("bool", _not_a_flag)):
    _Loader.add_constructor(PREFIX + _name, _strict(yaml.SafeLoader.yaml_constructors[PREFIX + _name], _objection))
