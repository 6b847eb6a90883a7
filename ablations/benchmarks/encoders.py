"""Encoders of the library transformers at full size with random values, beside the library's own forward pass.

The library's side is its feature extractor and its network, one clip at a time, with the output that a user takes. Both
sides have the same tensors, and are timed in one run.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from ablations.benchmarks.models import sounds
from ablations.benchmarks.record import Record, command_line
from ablations.models import registry
from ablations.models.hf.library import silent
from ablations.system.machine import choose_device, versions
from ablations.terminal.options import DEVICE
from downstream.embedder import released
from downstream.progress import Track
from downstream.progress import silent as quiet
from passt import EmbeddingSpec
from passt.catalog.choices import choices
from passt.network.precision import arithmetic

KINDS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "ast": ("ASTConfig", {"num_labels": 527}, "ASTForAudioClassification", "ASTFeatureExtractor"),
    "wav2vec2": ("Wav2Vec2Config", {}, "Wav2Vec2Model", "Wav2Vec2FeatureExtractor"),
}
"""Kind -> configuration, its values beside the library's defaults, network, feature extractor; sizes as published."""
SEED = 0
SCENE_S, REPEATS = 10, 3
CLIPS = {"cpu": 2, "cuda": 32}
COLUMNS = {
    "kind": "",
    "parameters": "of the encoder and its head",
    "library_seconds": f"the library's plain loop over the clips, the best of {REPEATS}",
    "seconds": "the level features of the same clips here",
    "all_seconds": "all levels of the same clips here",
    "times_library": "library_seconds over seconds",
    "all_over_one": "all_seconds over seconds",
    "largest_difference": "of all blocks, features and logits from the library's, over their largest value",
}


def measure(
    kinds: Sequence[str] = (), clips: int | None = None, device: str | None = None, *, track: Track = quiet
) -> Record:
    """Compare encoders of transformers at full size with the library's own loop: numbers and speed, in one run.

    KIND is ast or wav2vec2; the default is both. Values are random, clips are in memory.

    Args:
        kinds: keys of `KINDS`; none are all.
        clips: how many clips; None are 2 on a CPU, and 32 on a GPU.
        device: cpu or cuda; None is CUDA if there is one.

    Raises:
        ValueError: for an unknown kind.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}{choices(kind, KINDS)}")
    device = choose_device(device)
    clips, rows = clips or CLIPS[torch.device(device).type], []
    asked = list(kinds or KINDS)
    with track("benchmark", len(asked)) as advance:
        for kind in asked:
            rows.append({"kind": kind} | _measured(kind, device, clips))
            advance(1)
    with silent() as library:
        known = versions() | {"transformers": library.__version__}
    what = f"{clips} clips of {SCENE_S} s, random values of seed {SEED}, float32"
    return Record(what, rows, COLUMNS, device=device, versions=known)


def _measured(kind: str, device: str, clips: int) -> dict[str, Any]:
    configuration, values, network, extractor = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder, silent() as library:
        config = getattr(library, configuration)(architectures=[network], **values)
        config.save_pretrained(folder)
        preprocessor = getattr(library, extractor)()
        preprocessor.save_pretrained(folder)
        spec = registry.resolve(f"hf:{Path(folder).resolve()}@untrained-{SEED}")
        return _compared(spec, preprocessor, getattr(library, network)(config), device, clips)


def _compared(spec: EmbeddingSpec, preprocessor: Any, model: Any, device: str, clips: int) -> dict[str, Any]:
    card = registry.card(spec.checkpoint)
    scenes = sounds(clips, SCENE_S, card.sample_rate)
    embedder: Any = registry.build(spec, device=device)
    with released(embedder):
        state = embedder.network.whole.state_dict()
        model.load_state_dict(state)
        model.eval().requires_grad_(False).to(device)
        one, every = [("features", None)], [(level, None) for level in card.levels]

        def plain() -> list[Any]:
            with torch.no_grad(), arithmetic("highest"):
                return [_library(preprocessor, model, clip, card.sample_rate, device) for clip in scenes]

        works: dict[str, Callable[[], Any]] = {
            "library_seconds": plain,
            "seconds": lambda: embedder.scene(scenes, one),
            "all_seconds": lambda: embedder.scene(scenes, every),
        }
        results: dict[str, Any] = {name: work() for name, work in works.items()}
        seconds = dict.fromkeys(works, float("inf"))
        for _ in range(REPEATS):  # in turn, so that other work on the machine meets all of them
            for name, work in works.items():
                begin = time.perf_counter()
                work()
                seconds[name] = min(seconds[name], time.perf_counter() - begin)
    here = results["all_seconds"]
    pairs = [
        (here[level, None][row], wanted)
        for row, outputs in enumerate(results["library_seconds"])
        for level, wanted in outputs.items()
    ]
    differences = [float((got - wanted).abs().max()) / (float(wanted.abs().max()) or 1.0) for got, wanted in pairs]
    return {
        "parameters": sum(tensor.numel() for tensor in model.parameters()),
        **seconds,
        "times_library": seconds["library_seconds"] / seconds["seconds"],
        "all_over_one": seconds["all_seconds"] / seconds["seconds"],
        "largest_difference": max(differences),
    }


def _library(preprocessor: Any, model: Any, clip: Tensor, rate: int, device: str) -> dict[str, Tensor]:
    """What the library gives for one clip, as levels; means are over what a user of the library takes the mean of."""
    inputs = preprocessor(clip.numpy(), sampling_rate=rate, return_tensors="pt").to(device)
    outputs = model(**inputs, output_hidden_states=True)
    levels = {f"block{number}": hidden for number, hidden in enumerate(outputs.hidden_states)}
    if "logits" not in outputs:
        return {name: hidden[0].mean(0).cpu() for name, hidden in levels.items()} | {
            "features": outputs.last_hidden_state[0].mean(0).cpu()
        }
    means = {f"{name}.cls": hidden[0, :2].mean(0).cpu() for name, hidden in levels.items()}  # of AST: no padding in it
    return means | {"logits": outputs.logits[0].cpu()}


main = command_line(
    measure,
    "ablate benchmark encoders",
    click.argument("kinds", nargs=-1, metavar="[KIND]..."),
    click.option("--clips", type=click.IntRange(1), help=f"Clips of {SCENE_S} s  [default: 2; on a GPU 32]"),
    DEVICE,
)
