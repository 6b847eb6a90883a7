"""How fast each model embeds on this machine, and what its network costs, in one run; beside the originals where asked.

CNN14 beside panns_inference, in an interpreter of its own; MobileNets beside a plain loop over the same network, one
clip at a time, as EfficientAT (which is in no package registry) is used.
"""

import json
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from ablations.models import cost, registry
from ablations.models.baselines.cnn import STATISTICS
from ablations.models.baselines.mobilenet import MobileNetEmbedder
from ablations.models.hear_modules.process import interpreter
from ablations.system import child
from ablations.system.device_memory import in_use, peak, reset_peak
from ablations.system.machine import best, machine, product_rates, versions
from downstream.embedder import OWN_HOP, Embedder, Tap, released
from downstream.progress import Track, silent
from passt import EmbeddingSpec
from passt.network.precision import arithmetic, available

NAMES = ("passt_s_swa_p16_128_ap476", "cnn14", "mn04_as", "mn10_as", "mn40_as", "crepe_tiny", "crepe_full", "logmel")
SCENE_S, TIMESTAMP_S, HOP_MS = 10, 2, 50
CLIPS = {"cpu": 8, "cuda": 64}
REPEATS = 3
PEER = Path(__file__).parent / "peers" / "panns_peer.py"
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


def speeds(
    device: str = "cpu", names: Sequence[str] = NAMES, *, panns: str | None = None, track: Track = silent
) -> dict[str, Any]:
    """Every model in every precision that it and the device have; inputs in memory, untrained weights where it can be.

    Args:
        names: checkpoints, or specs. panns: an interpreter that has panns_inference, timed first.

    Returns:
        A record to be written as JSON; its `rows` have the columns of `COLUMNS`.

    Raises:
        ValueError, FileNotFoundError: for a model that is none, an interpreter that is none or without panns_inference.
    """
    specs = [_untrained(name) for name in names]
    clips = CLIPS[torch.device(device).type]
    theirs = _panns(interpreter(panns), device, clips) if panns else None
    every = available(torch.device(device))
    plan = [(spec, p) for spec in specs for p in (every if registry.card(spec.checkpoint).precisions else ("fp32",))]
    products = {name: product_rates(device, name)[1] for name in every}
    rows = []
    with track("benchmark", len(plan)) as advance:
        for spec, precision in plan:
            with released(registry.build(spec, device=device, precision=precision)) as embedder:
                row = {"model": spec.checkpoint, "precision": precision}
                row |= _measured(embedder, spec, torch.device(device), clips, products[precision])
                row |= _beside(embedder, spec, row["scene_seconds"], theirs, clips)
            rows.append(row)
            advance(1)
    return {
        "what": f"{clips} clips of {SCENE_S} s; timestamps of one clip of {TIMESTAMP_S} s every {HOP_MS} ms",
        "device": machine(device),
        "threads": torch.get_num_threads(),
        "versions": versions() | ({"panns_inference": theirs["version"]} if theirs else {}),
        "panns_inference_seconds": theirs and theirs["scene"],
        "product_gflops": {name: rate / 1e9 for name, rate in products.items()},
        "columns": COLUMNS,
        "rows": rows,
    }


def to_markdown(found: dict[str, Any]) -> str:
    """The rows of a record as a table, and what they are of."""
    table = pd.DataFrame(found["rows"], columns=list(COLUMNS)).dropna(axis=1, how="all")
    text = table.astype(object).where(table.notna(), None).to_markdown(index=False, floatfmt=".4g", missingval="")
    rates = ", ".join(f"{name} {rate:.0f}" for name, rate in found["product_gflops"].items())
    return f"{text}\n\nMachine's product rate, GFLOP/s: {rates}\n{found['what']}"


def sounds(clips: int, seconds: int, rate: int) -> list[Tensor]:
    """Noise."""
    return list(0.1 * torch.randn(clips, seconds * rate, generator=torch.Generator().manual_seed(0)))


def _untrained(name: str) -> EmbeddingSpec:
    """The spec of a name, with untrained weights where the model can have them; a HEAR module's are its own."""
    spec = registry.resolve(name)
    card = registry.card(spec.checkpoint)
    can = "untrained" in card.weights and card.family != "hear"
    return replace(spec, weights="untrained-0") if can and spec.weights == "published" else spec


def _measured(
    embedder: Embedder, spec: EmbeddingSpec, device: torch.device, clips: int, product: float
) -> dict[str, Any]:
    hop_ms = HOP_MS if spec.timestamp_hop_ms != OWN_HOP else OWN_HOP
    scenes, clip = sounds(clips, SCENE_S, embedder.sample_rate), sounds(1, TIMESTAMP_S, embedder.sample_rate)
    held = in_use(device)
    reset_peak(device)
    seconds = best(lambda: embedder.scene(scenes, spec.scene_taps()), REPEATS, device=str(device))
    beyond = peak(device) - held
    taps: list[Tap] = spec.timestamp_taps()
    steps = best(lambda: embedder.timestamps(clip, taps, hop_ms), REPEATS, device=str(device))
    found = {"scene_seconds": seconds, "clips_per_s": clips / seconds, "timestamp_seconds": steps}
    parameters, macs = cost.parameters(spec.checkpoint), cost.macs(spec, event=False)
    if not math.isnan(parameters):
        found["parameters"] = int(parameters)
    if macs > 0:
        rate = 2 * macs * clips / seconds
        found |= {"gmacs_10s": macs / 1e9, "gflops": rate / 1e9, "share": rate / product}
    return found | {"peak_mb": beyond / 1e6}


def _beside(
    embedder: Embedder, spec: EmbeddingSpec, seconds: float, theirs: dict[str, Any] | None, clips: int
) -> dict[str, Any]:
    """The original's seconds over ours, where there is one to compare with."""
    if theirs and embedder.name.startswith("cnn14@"):
        return {"beside": f"panns_inference {theirs['version']}", "times_original": theirs["scene"] / seconds}
    if isinstance(embedder, MobileNetEmbedder):
        plain = best(plain_loop(embedder, spec.levels, clips), REPEATS, device=str(embedder.device))
        return {"beside": "one clip at a time", "times_original": plain / seconds}
    return {}


def plain_loop(embedder: MobileNetEmbedder, levels: Sequence[str], clips: int) -> Callable[[], None]:
    """The network as it was loaded, in fp32, on one clip after the other; the same levels."""
    scenes = sounds(clips, SCENE_S, embedder.sample_rate)
    deeper = [level for level in levels if level not in STATISTICS]
    exact: AbstractContextManager = arithmetic("highest") if embedder.device.type == "cuda" else nullcontext()

    def run() -> None:
        with torch.no_grad(), exact:
            for clip in scenes:
                mel = embedder.mel(clip[None].to(embedder.device))
                found = {level: STATISTICS[level](mel) for level in levels if level in STATISTICS}
                found |= embedder.net(mel, deeper) if deeper else {}
                torch.cat([found[level] for level in levels], dim=1).cpu()

    return run


def _panns(python: Path, device: str, clips: int) -> dict[str, Any]:
    request = {
        "threads": torch.get_num_threads(),
        "device": device,
        "clips": clips,
        "samples": SCENE_S * 32000,
        "repeats": REPEATS,
    }
    command = [str(python), str(PEER), json.dumps(request)]
    return child.ask(command, child.PEER_S, f"{python}: panns_inference can't be timed with it")
