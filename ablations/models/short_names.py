"""Short names of checkpoints, as labels have them."""

from ablations.models.hear_modules import address
from ablations.models.objects import address as objects


def short_name(checkpoint: str) -> tuple[str, str]:
    """The name of a checkpoint in labels, and what tells it from others: options of a module, code of an object."""
    of = objects if checkpoint.startswith(objects.PREFIX) else address
    return of.short_name(checkpoint)
