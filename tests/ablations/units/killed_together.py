"""Runs `ablate` as `tests.ablations.runs.killing` does, with probes of all units trained together as on CUDA."""

from ablations.units import waiting
from downstream import evaluate
from downstream.probes import pack
from downstream.probes.products import TorchProducts


def train_together(patch=setattr) -> None:
    """Train on the CPU as on CUDA."""
    for module in (evaluate, waiting):
        patch(module, "evaluated_together", lambda device: True)
    patch(pack, "_together", lambda device: True)
    patch(pack, "products_for", lambda device: TorchProducts())


if __name__ == "__main__":
    train_together()
    import tests.ablations.runs.killing  # noqa: F401
