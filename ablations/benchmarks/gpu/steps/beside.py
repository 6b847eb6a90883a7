"""The originals on the same machine: hear21passt on the device, hear-eval-kit's probes on the CPU."""

import tempfile
from pathlib import Path
from typing import Any

from ablations.benchmarks import embeddings, probes
from ablations.benchmarks.gpu.steps.protocol import COLUMNS, esc10, made_up, row_of
from ablations.benchmarks.record import Record
from downstream.kit.write import write_folder
from downstream.probes.protocol import GRID_POINTS
from downstream.progress import silent

KIT_POINTS = 1  # grid points of hear-eval-kit: its time an epoch does not depend on them


def passt(device: str, peer: str | None = None, **options: Any) -> Record:
    """Time PaSST embeddings beside hear21passt in fp32, which is timed first.

    Args:
        device: of both sides.
        peer: an interpreter with hear21passt; None measures nothing.
        options: further arguments of `embeddings.measure`.
    """
    if peer is None:
        return Record("No Python here has hear21passt and torchaudio: `--peer PYTHON` names one.", device=device)
    return embeddings.measure(device, peer, **options)


def kit(device: str, kit: str | None = None, clips: int = 400) -> Record:
    """Time the protocol at ESC-10's size beside hear-eval-kit on the CPU, which is timed first.

    Args:
        device: of ours.
        kit: an interpreter with hear-eval-kit; None measures nothing.
        clips: in all splits.
    """
    if kit is None:
        return Record(
            "No Python here has hear-eval-kit: `--kit PYTHON` names one, `make kit` makes one.", device=device
        )
    with tempfile.TemporaryDirectory() as folder:
        task, splits = made_up(esc10(), clips, Path(folder))
        target = Path(folder) / "embeddings" / task.name
        write_folder(task, splits, target)
        both = probes.evaluation(target, Path(kit), device, silent, kit_points=KIT_POINTS)
    ours = both["ours"]
    row = row_of(task, clips, ours["seconds"], ours["epochs"])
    row |= {
        "times_kit": both["times_kit"],
        "kit_ms_per_fit_epoch": 1e3 * both["kit"]["seconds"] / both["kit"]["epochs"],
    }
    columns = {
        **COLUMNS,
        "kit_ms_per_fit_epoch": "hear-eval-kit's milliseconds, on the CPU",
        "times_kit": "its milliseconds over ours",
    }
    what = f"Made-up embeddings of {clips} clips; hear-eval-kit tries {KIT_POINTS} of {GRID_POINTS} grid points"
    return Record(what, [row], columns, facts={"evaluation": both}, device=device)
