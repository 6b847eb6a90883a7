"""How fast embeddings are: against hear21passt and against what the machine's matrix products allow, in one run."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch.nn import functional as F

from ablations.system import child
from ablations.system.device_memory import in_use, peak, reset_peak
from ablations.system.machine import best, machine, product_rates, versions
from downstream.progress import Track, silent
from passt import EmbeddingSpec, PasstEmbedder
from passt.catalog.checkpoints import SAMPLE_RATE
from passt.complexity import macs
from passt.network.precision import available

SCENE_S, TIMESTAMP_S, LONG_S = 10, 2, 120
CLIPS = {"cpu": 4, "cuda": 64}
REPEATS = 3
WINDOW_MS, LARGE_WINDOW_MS, HOP_MS = 160, 640, 50
BASE = ("logits", "features")
PEER = Path(__file__).parent / "peers" / "passt_peer.py"
COLUMNS = {
    "precision": "",
    "embedding": "",
    "levels": "",
    "seconds": "seconds of a run, the best of 3",
    "clips_per_s": "clips a second",
    "times_real_time": "seconds of sound a second",
    "gflops": "10^9 operations (two a multiply-add) of the network's products a second",
    "share": "gflops over the machine's own product rate at this precision",
    "times_peer": "hear21passt's seconds (fp32) over these",
    "peak_mb": "memory at its highest during the run, beyond what the embedder holds",
    "off_fp32": "1 - cosine similarity of an embedding to its fp32 twin, at most",
}


def embeddings(
    device: str = "cpu", peer: str | None = None, *, long: bool = False, track: Track = silent
) -> dict[str, Any]:
    """The base model with untrained weights, inputs in memory, in every precision that the device has.

    Args:
        peer: an interpreter that has hear21passt, to be timed first on the same machine.
        long: also every level of 120 s with windows of 160 and 640 ms, for the memory it takes.

    Returns:
        A record to be written as JSON; its `rows` have the columns of `COLUMNS`.
    """
    clips = CLIPS[torch.device(device).type]
    theirs = _peer(peer, device, clips) if peer else {}
    names = available(torch.device(device))
    rows, linears, products, wanted = [], {}, {}, {}
    with track("benchmark", len(names) * (6 + long)) as advance:
        for name in names:
            embedder = PasstEmbedder(EmbeddingSpec(weights="untrained-0"), device=device, precision=name)
            held = in_use(embedder.device)  # after what earlier precisions left was given back
            linears[name], products[name] = product_rates(device, name)
            for work in _works(embedder, clips, long):
                row, found = _measure(embedder, work, products[name], held)
                wanted.setdefault(work["key"], found)
                row["off_fp32"] = (
                    (1 - F.cosine_similarity(found.double(), wanted[work["key"]].double())).clamp(min=0).max().item()
                )
                row["times_peer"] = theirs[work["peer"]] / row["seconds"] if work["peer"] in theirs else None
                rows.append(row)
                advance(1)
    return {
        "what": f"{clips} clips of {SCENE_S} s; timestamps of one clip of {TIMESTAMP_S} s, "
        f"windows of {WINDOW_MS} ms every {HOP_MS} ms; untrained weights",
        "device": machine(device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "hear21passt_seconds": theirs or None,
        "linear_gflops": {name: rate / 1e9 for name, rate in linears.items()},
        "product_gflops": {name: rate / 1e9 for name, rate in products.items()},
        "all_over_one": _all_over_one(rows),
        "columns": COLUMNS,
        "rows": rows,
    }


def to_markdown(found: dict[str, Any]) -> str:
    """The rows of a record as a table, and what else it says in lines below."""
    table = pd.DataFrame(found["rows"])[list(COLUMNS)].dropna(axis=1, how="all")
    text = table.astype(object).where(table.notna(), None).to_markdown(index=False, floatfmt=".4g", missingval="")
    pairs = [(name, rate, found["linear_gflops"][name]) for name, rate in found["product_gflops"].items()]
    rates = ", ".join(f"{name} {rate:.0f} (torch's linear layers {linear:.0f})" for name, rate, linear in pairs)
    ratios = ", ".join(f"{name} {ratio:.2f}" for name, ratio in found["all_over_one"].items())
    return f"{text}\n\nMachine's product rate, GFLOP/s: {rates}\nAll levels over one: {ratios}\n{found['what']}"


def _works(embedder: PasstEmbedder, clips: int, long: bool) -> list[dict[str, Any]]:
    """What is measured: (embedding, levels), how it is run, and the operations of the network in it, where counted."""
    stream = torch.Generator().manual_seed(0)
    scenes = list(torch.randn(clips, SCENE_S * SAMPLE_RATE, generator=stream) * 0.1)
    clip = [torch.randn(TIMESTAMP_S * SAMPLE_RATE, generator=stream) * 0.1]
    steps = TIMESTAMP_S * 1000 // HOP_MS + 1
    every = tuple(level for level in embedder.dims if level != "mel")
    scene_macs, step_macs = macs(embedder.checkpoint, float(SCENE_S)), macs(embedder.checkpoint, WINDOW_MS / 1000)
    works = []
    for name, levels in (("base", BASE), ("one", ("features",)), ("all", every)):
        work = {
            "levels": name,
            "embedding": "scenes",
            "sounds": clips,
            "seconds": clips * SCENE_S,
            "operations": 2 * scene_macs * clips if name != "all" else None,
            "peer": "scene" if name == "base" else None,
            "run": lambda levels=levels: embedder.scene(scenes, [(level, None) for level in levels]),
        }
        works.append(work)
        work = {
            "levels": name,
            "embedding": "timestamps",
            "sounds": 1,
            "seconds": TIMESTAMP_S,
            "operations": 2 * step_macs * steps if name != "all" else None,
            "peer": "timestamps" if name == "base" else None,
            "run": lambda levels=levels: embedder.timestamps(clip, [(level, WINDOW_MS) for level in levels], HOP_MS),
        }
        works.append(work)
    if long:
        sound = [torch.randn(LONG_S * SAMPLE_RATE, generator=stream) * 0.1]
        taps = [(level, window) for window in (WINDOW_MS, LARGE_WINDOW_MS) for level in every]
        run = lambda: embedder.timestamps(sound, taps, HOP_MS)  # noqa: E731
        about = {"levels": f"all, {WINDOW_MS} and {LARGE_WINDOW_MS} ms", "embedding": f"timestamps of {LONG_S} s"}
        works.append({**about, "sounds": 1, "seconds": LONG_S, "operations": None, "peer": None, "run": run, "once": 1})
    return [{**work, "key": (work["embedding"], work["levels"])} for work in works]


def _measure(
    embedder: PasstEmbedder, work: dict[str, Any], product: float, held: int
) -> tuple[dict[str, Any], torch.Tensor]:
    """A row, and the embeddings of the last level of the last run, (rows, dim)."""
    found: list[Any] = []

    def run() -> None:
        found[:] = [work["run"]()]

    reset_peak(embedder.device)
    seconds = best(run, 1 if "once" in work else REPEATS, "once" not in work, str(embedder.device))
    beyond = peak(embedder.device) - held
    values = found[0] if isinstance(found[0], dict) else found[0][0][0]
    rate = work["operations"] / seconds if work["operations"] else None
    row = {
        "precision": embedder.precision,
        "embedding": work["embedding"],
        "levels": work["levels"],
        "seconds": seconds,
        "clips_per_s": work["sounds"] / seconds,
        "times_real_time": work["seconds"] / seconds,
        "gflops": rate and rate / 1e9,
        "share": rate and rate / product,
        "peak_mb": beyond / 1e6,
    }
    return row, values[next(tap for tap in values if tap[0] == "features")]


def _all_over_one(rows: list[dict[str, Any]]) -> dict[str, float]:
    seconds = {(row["precision"], row["embedding"], row["levels"]): row["seconds"] for row in rows}
    pairs = [(precision, embedding) for precision, embedding, levels in seconds if levels == "all"]
    return {f"{p} {e}": seconds[p, e, "all"] / seconds[p, e, "one"] for p, e in pairs}


def _peer(interpreter: str, device: str, clips: int) -> dict[str, float]:
    """hear21passt's seconds."""
    request = {
        "threads": torch.get_num_threads(),
        "device": device,
        "clips": clips,
        "scene_samples": SCENE_S * SAMPLE_RATE,
        "timestamp_samples": TIMESTAMP_S * SAMPLE_RATE,
        "repeats": REPEATS,
    }
    return child.ask(
        [interpreter, str(PEER), json.dumps(request)],
        child.PEER_S,
        f"{interpreter}: hear21passt can't be timed with it",
    )
