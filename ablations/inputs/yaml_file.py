"""What users declare in YAML: packaged, by name, or in a file of their own."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ablations.inputs.yaml_values import parse_yaml
from downstream.disk.fields import shown
from downstream.disk.text_file import read_text
from passt.catalog.card import choices

Declared = TypeVar("Declared")
SUFFIXES = (".yaml", ".yml")
MOST_BYTES = 1_000_000


def load(name: str | Path, what: str, folders: Sequence[Path], parse: Callable[[Any, Path], Declared]) -> Declared:
    """A packaged one by name, or one from a YAML file.

    Args:
        what: is declared, for messages. folders: where packaged ones are. parse: of parsed YAML, and its folder.

    Raises:
        FileNotFoundError, ValueError: name the file; what `parse` raises, with the file in front.
    """
    path = Path(name)
    if path.suffix not in SUFFIXES:
        packaged = {file.stem: file for folder in folders for file in sorted(folder.glob("*.yaml"))}
        if str(name) not in packaged:
            raise FileNotFoundError(f"no {what} {str(name)!r}{choices(str(name), packaged)} or a YAML file")
        path = packaged[str(name)]
    if not path.is_file():
        raise FileNotFoundError(f"no {what} file at {path}")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path}: a {what} has at most {MOST_BYTES} bytes, got {path.stat().st_size}")
    content = read_text(path)
    try:
        return parse(parse_yaml(content), path.parent)
    except (ValueError, FileNotFoundError) as error:
        raise type(error)(f"{path}: {error}") from None


def check_keys(found: Any, known: Collection[str], what: str) -> None:
    """Raise ValueError for what is no mapping, and for a key that is not known."""
    if not isinstance(found, Mapping):
        raise ValueError(f"{what} must be a mapping of keys, got {shown(found)}")
    for key in found:
        if key not in known:
            raise ValueError(f"unknown key {shown(key)} in {what}{choices(str(key), known)}")
