"""Load what users declare in YAML, in packaged files or in files of their own."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ablations.inputs.yaml_values import parse_yaml
from downstream.disk.fields import shown
from downstream.disk.text_file import read_text
from passt.catalog.choices import choices

Declared = TypeVar("Declared")
SUFFIXES = (".yaml", ".yml")
MOST_BYTES = 1_000_000


def load(
    name: str | Path,
    noun: str,
    folders: Sequence[Path],
    parse: Callable[[Any, Path], Declared],
    listed_by: str = "",
) -> Declared:
    """Load a declaration: a study, a search or a recipe.

    Args:
        name: the name of a packaged file, or the path of a YAML file.
        noun: what it declares, for messages.
        folders: where packaged files are.
        parse: (parsed YAML, folder of the file) -> the declaration.
        listed_by: the command that lists the packaged files.

    Raises:
        FileNotFoundError, ValueError: names the file; errors of `parse` get it in front.
    """
    path = Path(name)
    if path.suffix not in SUFFIXES:
        packaged = {file.stem: file for folder in folders for file in sorted(folder.glob("*.yaml"))}
        if str(name) not in packaged:
            known = choices(str(name), packaged, listed_by=listed_by)
            raise FileNotFoundError(f"no {noun} {str(name)!r}{known}, or name a YAML file")
        path = packaged[str(name)]
    if not path.is_file():
        raise FileNotFoundError(f"no {noun} file at {path}")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path}: a {noun} has at most {MOST_BYTES} bytes, got {path.stat().st_size}")
    content = read_text(path)
    try:
        return parse(parse_yaml(content), path.parent)
    except (ValueError, FileNotFoundError) as error:
        raise type(error)(f"{path}: {error}") from None


def check_keys(declaration: Any, known: Collection[str], noun: str) -> None:
    """Raise ValueError if a declaration is no mapping, or has an unknown key."""
    if not isinstance(declaration, Mapping):
        raise ValueError(f"{noun} must be a mapping of keys, got {shown(declaration)}")
    for key in declaration:
        if key not in known:
            raise ValueError(f"unknown key {shown(key)} in {noun}{choices(str(key), known)}")
