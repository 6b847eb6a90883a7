"""Studies of embeddings: run them, look at what they found, and embed sounds.

    import ablations as ab

    run = ab.evaluate("passt_demo", "digits", limit=20)
    run.table, run.scores, run.rows, run.figure()

Every name is imported when it is first asked for.
"""

import importlib
from typing import Any

PUBLIC = {
    "Machine": ("ablations.system.compute", "Machine"),
    "Run": ("ablations.door.result", "Run"),
    "Shard": ("ablations.units.unit", "Shard"),
    "Study": ("ablations.study.study", "Study"),
    "Where": ("ablations.units.where", "Where"),
    "compare": ("ablations.door.result", "compare"),
    "embed": ("ablations.door.embedder", "embed"),
    "embed_files": ("ablations.embedding.files", "embed_files"),
    "embedder": ("ablations.door.embedder", "embedder"),
    "evaluate": ("ablations.door.run", "evaluate"),
    "export": ("ablations.kit.export", "export"),
    "field": ("ablations.door.field", "field"),
    "figure": ("ablations.door.result", "figure"),
    "geometry": ("ablations.representation.measure", "geometry"),
    "load": ("ablations.door.result", "load"),
    "make_engine": ("ablations.engines", "make_engine"),
    "model": ("ablations.models.objects.python_model", "model"),
    "plan_study": ("ablations.runs.plan", "plan_study"),
    "run": ("ablations.door.run", "run"),
    "run_search": ("ablations.search.run", "search"),
    "run_study": ("ablations.runs.run", "run_study"),
    "scores": ("ablations.door.result", "scores"),
    "table": ("ablations.door.result", "table"),
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
