"""Short names of checkpoints, as labels have them."""

from ablations.models import registry


def short_name(checkpoint: str) -> tuple[str, str]:
    """The name of a checkpoint in labels, and what tells it from others of that name, such as options of a module."""
    for family in registry.families().values():
        if family.short_name is not None and checkpoint.startswith(family.prefix):
            return family.short_name(checkpoint)
    return checkpoint, ""
