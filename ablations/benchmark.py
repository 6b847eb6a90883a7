"""How fast embeddings are: against hear21passt and against what the machine's matrix products allow, in one run."""

import json
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ablations.job import versions
from passt import EmbeddingSpec, PasstEmbedder
from passt.checkpoints import SAMPLE_RATE
from passt.model import MLP_WIDTH, WIDTH

CLIPS, SCENE_S, TIMESTAMP_S, REPEATS = 4, 10, 2, 3
PEER = Path(__file__).with_name("peer.py")


def embeddings(device: str = "cpu", peer: str | None = None) -> dict[str, Any]:
    """Seconds, ratios and rates of the base model with untrained weights, inputs in memory; the best of 3 runs.

    Args:
        peer: an interpreter that has hear21passt, to be timed first on the same machine.
    """
    request = {
        "threads": torch.get_num_threads(),
        "device": device,
        "clips": CLIPS,
        "scene_samples": SCENE_S * SAMPLE_RATE,
        "timestamp_samples": TIMESTAMP_S * SAMPLE_RATE,
        "repeats": REPEATS,
    }
    theirs = None
    if peer:
        command = [peer, str(PEER), json.dumps(request)]
        theirs = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    embedder = PasstEmbedder(EmbeddingSpec(weights="untrained-0"), device=device)
    clips = list(torch.randn(CLIPS, request["scene_samples"]) * 0.1)
    clip = [torch.randn(request["timestamp_samples"]) * 0.1]
    base = [("logits", None), ("features", None)]
    every = [(level, None) for level in embedder.dims if level != "mel"]
    ours = {
        "scene": _best(lambda: embedder.scene(clips, base)),
        "timestamps": _best(lambda: embedder.timestamps(clip, [("logits", 160), ("features", 160)], 50)),
        "scene_features": _best(lambda: embedder.scene(clips, [("features", None)])),
        "scene_all_levels": _best(lambda: embedder.scene(clips, every)),
    }
    product = product_rate(device, embedder.checkpoint.tokens(request["scene_samples"]))
    reached = scene_operations(embedder, clips[0]) * CLIPS / ours["scene"]
    return {
        "what": f"{CLIPS} clips of {SCENE_S} s; timestamps of one clip of {TIMESTAMP_S} s, 160 ms windows every 50 ms",
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else _processor(),
        "threads": request["threads"],
        "versions": versions(),
        "seconds": ours,
        "hear21passt_seconds": theirs,
        "times_hear21passt": {name: theirs[name] / ours[name] for name in theirs} if theirs else None,
        "all_levels_over_one": ours["scene_all_levels"] / ours["scene_features"],
        "gflops": reached / 1e9,
        "product_gflops": product / 1e9,
        "share_of_product_rate": reached / product,
    }


def product_rate(device: str, tokens: int) -> float:
    """Operations per second of float32 matrix products: the median over the four shapes of a transformer block."""
    rates = []
    for inputs, outputs in ((WIDTH, 3 * WIDTH), (WIDTH, WIDTH), (WIDTH, MLP_WIDTH), (MLP_WIDTH, WIDTH)):
        x, weight = torch.randn(tokens, inputs, device=device), torch.randn(outputs, inputs, device=device)
        seconds = _best(lambda x=x, weight=weight: torch.nn.functional.linear(x, weight), repeats=30)
        rates.append(2 * tokens * inputs * outputs / seconds)
    return statistics.median(rates)


def scene_operations(embedder: PasstEmbedder, clip: torch.Tensor) -> int:
    """Operations (two a multiply-add) of the network's products for one clip, as they are run."""
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH):
        mel = embedder.mel(clip.to(embedder.device)[None])
        with counter:
            embedder.net(mel, ("logits", "features"))
    return counter.get_total_flops()


def _best(run: Callable[[], Any], repeats: int = REPEATS) -> float:
    run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()
