"""The cost of time resolution: Table 2 of Koutini et al. 2022 on this machine, beside the published values.

Source: Koutini et al., "Learning General Audio Representations With Large-Scale Training of Patchout Audio
Transformers", PMLR 166, 2022. Its values are exact copies in results/reference/koutini2022_table2_complexity.csv.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import pandas as pd
import torch

from ablations.benchmarks.record import Record, command_line
from ablations.benchmarks.step_memory import step_memory
from ablations.benchmarks.training import CLIP_S, Meter, steps
from ablations.cli.options import DEVICE
from ablations.system.machine import choose_device
from downstream.progress import Track, silent
from passt.catalog import checkpoints
from passt.catalog.checkpoints import SAMPLE_RATE, Checkpoint
from passt.network.model import SPECIAL
from passt.network.patchout import PAPER, Patchout
from results.rows.rows import TASKS_FILE

PUBLISHED_FILE = TASKS_FILE.with_name("koutini2022_table2_complexity.csv")
CHECKPOINTS = {10: "passt_s_swa_p16_128_ap476", 5: "stfthop160", 3: "stfthop100"}  # by STFT hop in ms, as printed
BATCH = {"cpu": 1, "cuda": 64}
REPEATS = {"cpu": 1, "cuda": 10}
QUANTITIES = {
    "seq_len": "tokens",
    "seq_len_patchout": "with patchout",
    "train_speed_10s_samples_per_s": "training",
    "train_speed_patchout": "training with patchout",
    "patchout_speedup": "speed-up by patchout",
    "train_memory_mb": "memory (MB)",
    "train_memory_patchout_mb": "memory with patchout (MB)",
    "inference_samples_per_s": "inference",
}
"""Quantity, by its column in the published file where there is one -> the heading of the printed table."""
COLUMNS = {
    "hop_ms": "STFT hop",
    "quantity": "tokens, clips of 10 s a second, MB, or a ratio",
    "value": "measured here",
    "published": "Koutini et al. 2022, Table 2",
    "ratio": "value over published",
    "batch": "clips a step",
    "steps": "that were timed",
}
NOTES = (
    "Measured here (published: Koutini et al. 2022, Table 2, on another machine). Speeds are clips of 10 s a second, "
    "from sound in memory, with untrained weights.",
    "Tokens count the patches, cls and dist in every row. Table 2 counts these two in its first row only: its 2388, "
    "3828, 594 and 1014 are patches.",
    "Training is a micro-batch of this project's trainer (passt.training.step) without augmentations: the mel "
    "spectrogram, Patchout's draw, the forward pass, binary cross-entropy on the logits against random targets and "
    "the backward pass through all parameters that the loss reads; then the gradients are dropped. There is no "
    "optimizer step.",
    "Memory is the peak of the first step beyond the network and its clips: activations and gradients. On a CPU it is "
    "the anonymous memory of a process of its own, on CUDA the memory that torch has allocated. Table 2 has none.",
)


def published() -> pd.DataFrame:
    """Return Table 2 of the paper, by STFT hop in ms; speeds in clips of 10 s a second, as printed."""
    return pd.read_csv(PUBLISHED_FILE, index_col="stft_hop_ms")


def measure(
    device: str | None = None,
    hops: Sequence[str | int] = (),
    batch: int | None = None,
    repeats: int | None = None,
    seconds_limit: float = 60.0,
    precision: str = "fp32",
    *,
    track: Track = silent,
) -> Record:
    """Measure training and inference speed at each time resolution, with and without patchout.

    The table is the paper's Table 2 of this machine, the published values in brackets. Without options it takes a few
    minutes on two CPU cores.

    Args:
        device: cpu or cuda; None is CUDA if there is one.
        hops: STFT hops of 10, 5 and 3 (3.125) ms; none are all.
        batch: clips a step, halved until memory suffices; None is 1 on a CPU, 64 on CUDA.
        repeats: timed steps, after one that warms up; None is 1 on a CPU, 10 on CUDA. The median counts.
        seconds_limit: no further step of a measurement starts after so many seconds. If there is no timed step then,
            the step that warms up counts.
        precision: fp32, or bf16 (automatic mixed precision).

    Raises:
        ValueError: for an argument out of its range; names the choices.
    """
    if precision not in ("fp32", "bf16"):
        raise ValueError(f"precision must be fp32 or bf16, got {precision!r}")
    for name, count in (("batch", batch), ("repeats", repeats)):
        if count is not None and count < 1:
            raise ValueError(f"{name} must be 1 or more, got {count}")
    hops_ms = [int(hop) for hop in hops or CHECKPOINTS]
    if unknown := [hop for hop in hops_ms if hop not in CHECKPOINTS]:
        raise ValueError(f"hop must be one of {', '.join(map(str, CHECKPOINTS))} ms, got {unknown[0]}")
    device = choose_device(device)
    kind = torch.device(device).type
    meter = Meter(device, batch or BATCH[kind], repeats or REPEATS[kind], seconds_limit)
    cards = {hop: checkpoints.get(CHECKPOINTS[hop]) for hop in hops_ms}
    printed, rows = published(), []
    with track("Table 2", sum(_work(card, meter.repeats) for card in cards.values())) as advance:
        for hop, checkpoint in cards.items():
            quantities = _quantities(checkpoint, meter, precision, advance)
            for name in QUANTITIES:
                value, reference = quantities[name]["value"], float(printed.loc[hop].get(name, math.nan))
                compared = {"value": value, "published": reference, "ratio": value / reference}
                conditions = {key: quantities[name].get(key) for key in ("batch", "steps")}
                rows.append({"hop_ms": hop, "quantity": name, **compared, **conditions})
    what = "\n\n".join(NOTES)
    return Record(what, rows, COLUMNS, facts={"precision": precision}, table=_wide(rows), device=device)


def lengths(checkpoint: Checkpoint) -> tuple[int, int]:
    """Count the tokens of a clip of 10 s without and with patchout: patches, cls and dist."""
    grid = checkpoint.grid[0], checkpoint.columns(CLIP_S * SAMPLE_RATE)
    return grid[0] * grid[1] + SPECIAL, PAPER[checkpoint.hop].tokens(grid) + SPECIAL


def _quantities(
    checkpoint: Checkpoint, meter: Meter, precision: str, advance: Callable[[float], None]
) -> dict[str, dict[str, float]]:
    """Return each quantity of one checkpoint: its value and, of speeds and memory, batch and steps."""
    costs = _costs(checkpoint)
    quantities: dict[str, dict[str, float]] = {}
    for name, make in steps(checkpoint, meter.device, precision).items():

        def advance_steps(count: float, cost: float = costs[name]) -> None:
            advance(count * cost)

        quantities[name] = meter.speed(make, advance_steps)
    gain = quantities["train_speed_patchout"]["value"] / quantities["train_speed_10s_samples_per_s"]["value"]
    for name, (speed, patchout) in _memories(checkpoint).items():
        batch = int(quantities[speed]["batch"])
        value = step_memory(checkpoint, meter.device, precision, batch, patchout) / 1e6
        quantities[name] = {"value": value, "batch": batch, "steps": 1}
        advance(costs[speed])
    tokens, tokens_left = lengths(checkpoint)
    return quantities | {
        "seq_len": {"value": tokens},
        "seq_len_patchout": {"value": tokens_left},
        "patchout_speedup": {"value": gain},
    }


def _costs(checkpoint: Checkpoint) -> dict[str, float]:
    """Estimate the cost of a step in tokens through the network; a backward pass costs two forward passes."""
    tokens, tokens_left = lengths(checkpoint)
    return {
        "train_speed_10s_samples_per_s": 3 * tokens,
        "train_speed_patchout": 3 * tokens_left,
        "inference_samples_per_s": tokens,
    }


def _memories(checkpoint: Checkpoint) -> dict[str, tuple[str, Patchout]]:
    """Return each memory's quantity -> the speed that it shares its batch with, and the patchout."""
    return {
        "train_memory_mb": ("train_speed_10s_samples_per_s", Patchout()),
        "train_memory_patchout_mb": ("train_speed_patchout", PAPER[checkpoint.hop]),
    }


def _work(checkpoint: Checkpoint, repeats: int) -> float:
    """Estimate the cost of all measurements of a checkpoint, in the unit of `_costs`."""
    costs = _costs(checkpoint)
    return (1 + repeats) * sum(costs.values()) + sum(costs[speed] for speed, _ in _memories(checkpoint).values())


def _wide(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row for each hop, with the published values in brackets."""
    texts: dict[int, dict[str, Any]] = {}
    for row in rows:
        texts.setdefault(row["hop_ms"], {"hop (ms)": row["hop_ms"]})[QUANTITIES[row["quantity"]]] = _text(row)
    return pd.DataFrame(list(texts.values()))


def _text(row: Mapping[str, Any]) -> str:
    name, value, reference = row["quantity"], row["value"], row["published"]
    if name == "patchout_speedup":
        return f"{value:.2f} ({reference:g}, ratio {row['ratio']:.2f})"
    if math.isnan(reference):
        return f"{value:.0f}"
    digits = ".0f" if name.startswith("seq_len") else ".3g"
    return f"{value:{digits}} ({reference:g})"


main = command_line(
    measure,
    "ablate benchmark complexity",
    DEVICE,
    click.option("--hop", "hops", type=click.Choice(list(map(str, CHECKPOINTS))), multiple=True, help="STFT hop, ms."),
    click.option("--batch", type=int, help="Clips a step  [default: 1 on a CPU, 64 on CUDA; less if memory is short]"),
    click.option("--repeats", type=int, help="Timed steps  [default: 1 on a CPU, 10 on CUDA]"),
    click.option("--seconds-limit", default=60.0, show_default=True, help="For the steps of one measurement."),
    click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True),
)
