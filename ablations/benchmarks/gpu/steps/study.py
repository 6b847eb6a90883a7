"""A small study from files to scores, and where its time goes: the campaign of large tasks, at a smaller size."""

import importlib
import tempfile
from pathlib import Path
from typing import Any

from ablations.benchmarks.record import Record

CAMPAIGN = "tests.campaigns.big"  # in a checkout only, like the tests of the part before
LEVELS = [["logits", "features"], ["block12"], ["block6"], ["block1"]]
EPOCHS = 30


def measure(
    device: str,
    kind: str,
    clips: int,
    seconds: float = 1.0,
    checkpoint: str = "passt_s_swa_p16_128_ap476",
    precision: str = "bf16",
) -> Record:
    """Extract four levels of an untrained network, and evaluate each.

    Args:
        device: that computes.
        kind: scenes or events.
        clips: made-up ones, in all splits.
        seconds: of a clip.
        checkpoint: of PaSST.
        precision: of the network.
    """
    model: dict[str, Any] = {"checkpoint": checkpoint, "weights": "untrained-0", "levels": LEVELS}
    campaign = importlib.import_module(CAMPAIGN)
    with tempfile.TemporaryDirectory() as work:
        record: Record = campaign.measure(
            kind,
            Path(work),
            clips=clips,
            seconds=seconds,
            model=model,
            max_epochs=EPOCHS,
            device=device,
            precision=precision,
        )
    return record
