"""How fast embeddings are: against hear21passt and against what the machine's matrix products allow, in one run."""

import json
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch.nn import functional as F

from ablations.job import versions
from downstream.progress import Track, silent
from passt import EmbeddingSpec, PasstEmbedder, onednn
from passt.checkpoints import SAMPLE_RATE
from passt.complexity import macs
from passt.model import MLP_WIDTH, WIDTH
from passt.precision import PRECISIONS, arithmetic, available

SCENE_S, TIMESTAMP_S, LONG_S = 10, 2, 120
CLIPS = {"cpu": 4, "cuda": 64}
REPEATS = 3
WINDOW_MS, LARGE_WINDOW_MS, HOP_MS = 160, 640, 50
BASE = ("logits", "features")
PEER = Path(__file__).with_name("peer.py")
STATUS = Path("/proc/self/status")
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
    "peak_mb": "memory at its highest during the run, beyond what was there before it",
    "cosine": "the least cosine similarity of an embedding to its fp32 twin",
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
    rows, products, wanted = [], {}, {}
    with track("benchmark", len(names) * (6 + long)) as advance:
        for name in names:
            embedder = PasstEmbedder(EmbeddingSpec(weights="untrained-0"), device=device, precision=name)
            products[name] = product_rate(device, name)
            for work in _works(embedder, clips, long):
                row, found = _measure(embedder, work, products[name])
                wanted.setdefault(work["key"], found)
                row["cosine"] = F.cosine_similarity(found, wanted[work["key"]]).min().item()
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
        "product_gflops": {name: rate / 1e9 for name, rate in products.items()},
        "all_over_one": _all_over_one(rows),
        "columns": COLUMNS,
        "rows": rows,
    }


def to_markdown(found: dict[str, Any]) -> str:
    """The rows of a record as a table, and what else it says in lines below."""
    table = pd.DataFrame(found["rows"])[list(COLUMNS)].dropna(axis=1, how="all")
    text = table.to_markdown(index=False, floatfmt=".4g", missingval="")
    rates = ", ".join(f"{name} {rate:.0f}" for name, rate in found["product_gflops"].items())
    ratios = ", ".join(f"{name} {ratio:.2f}" for name, ratio in found["all_over_one"].items())
    return f"{text}\n\nMachine's product rate, GFLOP/s: {rates}\nAll levels over one: {ratios}\n{found['what']}"


def product_rate(device: str, precision: str = "fp32") -> float:
    """Operations per second of matrix products: the median over the four shapes of a transformer block.

    Of each shape the fastest way there is: torch's own linear layer, or on a CPU oneDNN's with packed weights.
    """
    tokens = 3570 if device == "cpu" else 65536
    dtype = PRECISIONS[precision].dtype
    rates = []
    with torch.no_grad(), arithmetic(PRECISIONS[precision].matmul):
        for inputs, outputs in ((WIDTH, 3 * WIDTH), (WIDTH, WIDTH), (WIDTH, MLP_WIDTH), (MLP_WIDTH, WIDTH)):
            linear = torch.nn.Linear(inputs, outputs, device=device, dtype=dtype)
            x = torch.randn(tokens, inputs, device=device, dtype=dtype)
            forms = [linear]
            if device == "cpu" and onednn.works():
                forms.append(onednn.PackedLinear(linear, dtype))
            seconds = min(_best(lambda form=form, x=x: form(x), repeats=20) for form in forms)
            rates.append(2 * tokens * inputs * outputs / seconds)
    return statistics.median(rates)


def machine(device: str) -> str:
    """The name of what computes."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


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


def _measure(embedder: PasstEmbedder, work: dict[str, Any], product: float) -> tuple[dict[str, Any], torch.Tensor]:
    """A row, and the embeddings of the last level of the last run, (rows, dim)."""
    found: list[Any] = []

    def run() -> None:
        found[:] = [work["run"]()]

    before = _reset_peak(embedder.device)
    seconds = _best(run, repeats=1, warm_up=False) if "once" in work else _best(run)
    peak = _peak(embedder.device) - before
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
        "peak_mb": peak / 1e6,
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
    done = subprocess.run([interpreter, str(PEER), json.dumps(request)], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise ValueError(f"{interpreter}: hear21passt can't be timed with it: {lines[-1] if lines else 'no reason'}")
    return json.loads(done.stdout)


def _best(run: Callable[[], Any], repeats: int = REPEATS, warm_up: bool = True) -> float:
    """Seconds of the fastest run."""
    seconds = []
    for _ in range(warm_up + repeats):
        start = time.perf_counter()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds[warm_up:])


def _reset_peak(device: torch.device) -> int:
    """Start to watch the memory's highest; what is in use now, in bytes."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    if STATUS.is_file():
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _status("VmHWM")


def _status(name: str) -> int:
    lines = STATUS.read_text().splitlines() if STATUS.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)
