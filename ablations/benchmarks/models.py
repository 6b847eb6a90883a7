"""Speed of every kind of model on this machine, and the cost of its network, beside the originals.

CNN14 is compared with panns_inference, in an interpreter of its own. MobileNets are compared with a plain loop over the
same network, one clip at a time, as EfficientAT (which is in no package registry) is used.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import click
import torch
from torch import Tensor

from ablations.benchmarks import peer
from ablations.benchmarks.record import Record, command_line
from ablations.models import cost, registry
from ablations.models.baselines.cnn import STATISTICS
from ablations.models.baselines.mobilenet import MobileNetEmbedder
from ablations.system.device_memory import in_use, peak, reset_peak
from ablations.system.machine import best, choose_device, product_rates, versions
from ablations.terminal.options import DEVICE
from downstream.embedder import OWN_HOP, Embedder, released
from downstream.progress import Track, silent
from passt import EmbeddingSpec
from passt.network.precision import arithmetic, available

NAMES = ("passt_s_swa_p16_128_ap476", "cnn14", "mn04_as", "mn10_as", "mn40_as", "crepe_tiny", "crepe_full", "logmel")
SCENE_S, TIMESTAMP_S, HOP_MS = 10, 2, 50
PANNS_RATE = 32000  # Hz
CLIPS = {"cpu": 8, "cuda": 64}
REPEATS = 3
COLUMNS = {
    "model": "",
    "precision": "",
    "parameters": "of the network",
    "gmacs_10s": "10^9 multiply-adds of the network for a scene embedding of 10 s",
    "scene_seconds": f"of the clips of {SCENE_S} s, the spec's levels, the best of {REPEATS}",
    "clips_per_s": "clips a second",
    "gflops": "10^9 operations (two a multiply-add) a second",
    "share": "gflops over the machine's own product rate at this precision",
    "timestamp_seconds": f"of one clip of {TIMESTAMP_S} s every {HOP_MS} ms or at its own steps, the spec's windows",
    "peak_mb": "memory at its highest during the scenes, beyond what the embedder holds",
    "beside": "what the original is",
    "times_original": "the original's seconds (fp32) for the scenes over these",
}


def measure(
    names: Sequence[str] = (), panns: str | None = None, device: str | None = None, *, track: Track = silent
) -> Record:
    """Measure clips a second of PaSST and the baselines, with parameters and multiply-adds, in one run.

    SPEC is a checkpoint or a spec; the default is one of each kind. Every precision that a model and the device have is
    measured; clips are in memory. Weights are untrained where a model can have such.

    Args:
        names: checkpoints or specs; none are `NAMES`.
        panns: an interpreter that has panns_inference, which is timed first.
        device: cpu or cuda; None is CUDA if there is one.

    Raises:
        ValueError: for an unknown model, or an interpreter without panns_inference.
        FileNotFoundError: if there is no such interpreter.
    """
    device = choose_device(device)
    specs = [untrained(name) for name in names or NAMES]
    clips = CLIPS[torch.device(device).type]
    original = _panns(panns, device, clips) if panns else None
    precisions = available(torch.device(device))
    plan = [
        (spec, precision)
        for spec in specs
        for precision in (precisions if registry.card(spec.checkpoint).precisions else ("fp32",))
    ]
    rates = {precision: product_rates(device, precision)[1] for precision in precisions}
    rows = []
    with track("benchmark", len(plan)) as advance:
        for spec, precision in plan:
            with released(registry.build(spec, device=device, precision=precision)) as embedder:
                row: dict[str, Any] = {"model": spec.checkpoint, "precision": precision}
                row |= _measured(embedder, spec, torch.device(device), clips, rates[precision])
                row |= _original(embedder, spec, row["scene_seconds"], original, clips)
            rows.append(row)
            advance(1)
    return Record(
        f"{clips} clips of {SCENE_S} s; timestamps of one clip of {TIMESTAMP_S} s every {HOP_MS} ms",
        rows,
        COLUMNS,
        facts={
            "panns_inference_seconds": original and original["scene"],
            "product_gflops": {name: rate / 1e9 for name, rate in rates.items()},
        },
        lines=[
            f"Machine's product rate, GFLOP/s: {', '.join(f'{name} {rate / 1e9:.0f}' for name, rate in rates.items())}"
        ],
        device=device,
        versions=versions() | ({"panns_inference": original["version"]} if original else {}),
    )


def sounds(clips: int, seconds: int, rate: int) -> list[Tensor]:
    """Make noise: clips of so many seconds at a rate in Hz."""
    return list(0.1 * torch.randn(clips, seconds * rate, generator=torch.Generator().manual_seed(0)))


def plain_loop(embedder: MobileNetEmbedder, levels: Sequence[str], clips: int) -> Callable[[], None]:
    """Return a function that runs the network as it was loaded, in fp32, on one clip at a time."""
    scenes = sounds(clips, SCENE_S, embedder.sample_rate)
    deeper = [level for level in levels if level not in STATISTICS]
    exact: AbstractContextManager[None] = arithmetic("highest") if embedder.device.type == "cuda" else nullcontext()

    def run() -> None:
        with torch.no_grad(), exact:
            for clip in scenes:
                mel = embedder.mel(clip[None].to(embedder.device))
                values = {level: STATISTICS[level](mel) for level in levels if level in STATISTICS}
                values |= embedder.net(mel, deeper) if deeper else {}
                torch.cat([values[level] for level in levels], dim=1).cpu()

    return run


def untrained(name: str) -> EmbeddingSpec:
    """Return the spec of a name with untrained weights if its model can have them; a HEAR module keeps its own."""
    spec = registry.resolve(name)
    card = registry.card(spec.checkpoint)
    can_be_untrained = "untrained" in card.weights and card.family != "hear"
    return replace(spec, weights="untrained-0") if can_be_untrained and spec.weights == "published" else spec


def _measured(
    embedder: Embedder, spec: EmbeddingSpec, device: torch.device, clips: int, product_rate: float
) -> dict[str, Any]:
    hop_ms = HOP_MS if spec.timestamp_hop_ms != OWN_HOP else OWN_HOP
    scenes, clip = sounds(clips, SCENE_S, embedder.sample_rate), sounds(1, TIMESTAMP_S, embedder.sample_rate)
    held = in_use(device)
    reset_peak(device)
    seconds = best(lambda: embedder.scene(scenes, spec.scene_taps()), REPEATS, device=str(device))
    memory = peak(device) - held
    taps = spec.timestamp_taps()
    step_seconds = best(lambda: embedder.timestamps(clip, taps, hop_ms), REPEATS, device=str(device))
    row = {"scene_seconds": seconds, "clips_per_s": clips / seconds, "timestamp_seconds": step_seconds}
    parameters, macs = cost.parameters(spec.checkpoint), cost.macs(spec, event=False)
    if not math.isnan(parameters):
        row["parameters"] = int(parameters)
    if macs > 0:
        rate = 2 * macs * clips / seconds
        row |= {"gmacs_10s": macs / 1e9, "gflops": rate / 1e9, "share": rate / product_rate}
    return row | {"peak_mb": memory / 1e6}


def _original(
    embedder: Embedder, spec: EmbeddingSpec, seconds: float, panns: dict[str, Any] | None, clips: int
) -> dict[str, Any]:
    """Return the columns that compare with the original, none for a model without one."""
    if panns and embedder.name.startswith("cnn14@"):
        return {"beside": f"panns_inference {panns['version']}", "times_original": panns["scene"] / seconds}
    if isinstance(embedder, MobileNetEmbedder):
        plain_seconds = best(plain_loop(embedder, spec.levels, clips), REPEATS, device=str(embedder.device))
        return {"beside": "one clip at a time", "times_original": plain_seconds / seconds}
    return {}


def _panns(python: str, device: str, clips: int) -> dict[str, Any]:
    request = {"device": device, "clips": clips, "samples": SCENE_S * PANNS_RATE, "repeats": REPEATS}
    answer: dict[str, Any] = peer.ask("panns_peer.py", python, "panns_inference", **request)
    return answer


main = command_line(
    measure,
    "ablate benchmark models",
    click.argument("names", nargs=-1, metavar="[SPEC]..."),
    click.option("--panns", type=click.Path(), metavar="PYTHON", help="An interpreter with panns_inference."),
    DEVICE,
)
