"""Parts of Python objects, read without changing them, and their hashes."""

import dis
import hashlib
import json
import types
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def attribute(value: Any, name: str) -> Any:
    """An attribute of an object; None where it has none, or where asking fails."""
    try:
        return getattr(value, name, None)
    except Exception:  # a property of the user's may raise anything
        return None


def uncompiled(value: Any) -> Any:
    """What torch.compile made an object of, which computes the same up to rounding; else the object."""
    if isinstance(value, types.FunctionType):
        return vars(value).get("_torchdynamo_orig_callable", value)
    if isinstance(value, nn.Module) and type(value).__name__ == "OptimizedModule":
        return value._modules.get("_orig_mod", value)
    return value


def plain(tensor: Tensor) -> Tensor:
    """A tensor of a type that numpy has, of the same bits."""
    return tensor.view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor


def names_read(code: types.CodeType, operations: tuple[str, ...]) -> set[str]:
    """The names that code, with the functions in it, reads by some operations."""
    names = {str(step.argval) for step in dis.get_instructions(code) if step.opname in operations}
    return names.union(*(names_read(part, operations) for part in code.co_consts if isinstance(part, types.CodeType)))


def file_hash(path: Path | None) -> str:
    """Hash the content of a file; a module without one has another text."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path and path.is_file() else "no file"


def hash_of_texts(*texts: str) -> str:
    """Hash texts, and where one ends."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()
