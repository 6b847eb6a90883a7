"""Short names of checkpoints, as labels have them."""

from ablations.models.hear_modules import address
from ablations.models.objects import address as objects


def short_name(checkpoint: str) -> tuple[str, str]:
    """The name of a checkpoint in labels, and what tells it from others: options of a module, code of an object."""
    if checkpoint.startswith(objects.PREFIX):
        return objects.short_name(checkpoint)
    return address.short_name(checkpoint)
