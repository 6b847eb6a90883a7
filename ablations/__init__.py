"""Studies of embeddings: run them, and look at what they found.

What a notebook or a script needs is here, and is imported when it is first asked for:

    from ablations import Machine, Study, run_study

    outcome = run_study(Study.load("quickstart"), machine=Machine(device="cpu"))
"""

import importlib
from typing import Any

PUBLIC = {
    "Machine": ("ablations.system.compute", "Machine"),
    "Shard": ("ablations.units.unit", "Shard"),
    "Study": ("ablations.study.study", "Study"),
    "Where": ("ablations.units.where", "Where"),
    "embed_files": ("ablations.embedding.files", "embed_files"),
    "export": ("ablations.kit.export", "export"),
    "make_engine": ("ablations.engines", "make_engine"),
    "plan_study": ("ablations.runs.plan", "plan_study"),
    "run_search": ("ablations.search.run", "search"),
    "run_study": ("ablations.runs.run", "run_study"),
    "train_on_corpus": ("ablations.training.train", "train_on_corpus"),
    "train_on_files": ("ablations.training.train", "train_on_files"),
}
"""A public name -> the module that has it, and its name there."""

__all__ = list(PUBLIC)


def __getattr__(name: str) -> Any:
    """Import what a public name stands for (PEP 562)."""
    if name not in PUBLIC:
        raise AttributeError(f"module 'ablations' has no attribute {name!r}")
    module, attribute = PUBLIC[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    """The names of this module and the public names."""
    return sorted([*globals(), *PUBLIC])
