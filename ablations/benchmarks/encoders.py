"""Encoders of the library transformers at full size with random values, beside the library's own forward pass.

The library's side is its feature extractor and its network, one clip at a time, with the output that a user takes. Both
sides have the same tensors, and are timed in one run: on a CPU by the processor time of this process, which other work
on the machine disturbs less than the clock.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import click
import torch
from torch import Tensor

from ablations.benchmarks.models import sounds
from ablations.benchmarks.record import Record, command_line
from ablations.models import registry
from ablations.models.hf.embedder import HfEmbedder
from ablations.models.hf.library import silent
from ablations.system.machine import choose_device, versions
from ablations.terminal.options import DEVICE
from downstream.embedder import Embedder, Tap, released
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
SECONDS, REPEATS = (10,), 3
SOUND_S = {"cpu": 20, "cuda": 320}
"""Of all clips of one length together."""
COLUMNS = {
    "kind": "",
    "clips": "",
    "clip_seconds": "the length of each",
    "parameters": "of the encoder and its head",
    "library_seconds": f"the library's plain loop over the clips, processor time on a CPU, the best of {REPEATS}",
    "seconds": "the level features of the same clips here",
    "all_seconds": "all levels of the same clips here",
    "times_library": "library_seconds over seconds",
    "all_over_one": "all_seconds over seconds",
    "largest_difference": "over the largest value: ast's logits and class tokens of blocks, else means of blocks",
}


def measure(
    kinds: Sequence[str] = (),
    clips: int | None = None,
    lengths: Sequence[int] = (),
    device: str | None = None,
    *,
    track: Track = quiet,
) -> Record:
    """Compare encoders of transformers at full size with the library's own loop: numbers and speed, in one run.

    KIND is ast or wav2vec2; the default is both. Values are random, clips are in memory.

    Args:
        kinds: keys of `KINDS`; none are all.
        clips: how many clips of each length; None are 20 s of sound on a CPU, and 320 s on a GPU.
        lengths: of clips in s; none are 10 s alone.
        device: cpu or cuda; None is CUDA if there is one.

    Raises:
        ValueError: for an unknown kind.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}{choices(kind, KINDS)}")
    device = choose_device(device)
    asked, lengths = list(kinds or KINDS), lengths or SECONDS
    sound = SOUND_S[torch.device(device).type]
    counts = {length: clips or max(1, sound // length) for length in lengths}
    rows = []
    with track("benchmark", len(asked) * len(counts)) as advance:
        for kind in asked:
            for row in _measured(kind, device, counts):
                rows.append({"kind": kind} | row)
                advance(1)
    with silent() as library:
        known = versions() | {"transformers": library.__version__}
    what = ", ".join(f"{count} clips of {length} s" for length, count in counts.items())
    return Record(f"{what}; random values of seed {SEED}, float32", rows, COLUMNS, device=device, versions=known)


def _measured(kind: str, device: str, counts: Mapping[int, int]) -> Iterator[dict[str, Any]]:
    """Compare an encoder on clips of each length.

    Args:
        counts: length in s -> number of clips.
    """
    configuration, values, network, extractor = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder, silent() as library:
        config = getattr(library, configuration)(architectures=[network], **values)
        config.save_pretrained(folder)
        preprocessor = getattr(library, extractor)()
        preprocessor.save_pretrained(folder)
        spec = registry.resolve(f"hf:{Path(folder).resolve()}@untrained-{SEED}")
        model = getattr(library, network)(config)
        with released(registry.build(spec, device=device)) as embedder:
            model.load_state_dict(cast(HfEmbedder, embedder).network.whole.state_dict())
            model.eval().requires_grad_(False).to(device)
            for length, count in counts.items():
                clips = sounds(count, length, embedder.sample_rate)
                row = {"clips": count, "clip_seconds": length}
                yield row | _compared(spec, embedder, preprocessor, model, device, clips)


def _compared(
    spec: EmbeddingSpec, embedder: Embedder, preprocessor: Any, model: Any, device: str, clips: Sequence[Tensor]
) -> dict[str, Any]:
    clock = time.perf_counter if device.startswith("cuda") else time.process_time
    card = registry.card(spec.checkpoint)
    one: list[Tap] = [("features", None)]
    every: list[Tap] = [(level, None) for level in card.levels]

    def plain() -> list[Any]:
        with torch.no_grad(), arithmetic("highest"):
            return [_library(preprocessor, model, clip, card.sample_rate, device) for clip in clips]

    works: dict[str, Callable[[], Any]] = {
        "library_seconds": plain,
        "seconds": lambda: embedder.scene(clips, one),
        "all_seconds": lambda: embedder.scene(clips, every),
    }
    results: dict[str, Any] = {name: work() for name, work in works.items()}
    seconds = dict.fromkeys(works, float("inf"))
    for _ in range(REPEATS):  # in turn, so that other work on the machine meets all of them
        for name, work in works.items():
            begin = clock()
            work()
            seconds[name] = min(seconds[name], clock() - begin)
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
    click.option(
        "--clips", type=click.IntRange(1), help="Clips of each length  [default: 20 s of sound; on a GPU 320]"
    ),
    click.option(
        "--seconds",
        "lengths",
        type=click.IntRange(1),
        multiple=True,
        help=f"Length of clips; can be repeated  [default: {SECONDS[0]}]",
    ),
    DEVICE,
)
