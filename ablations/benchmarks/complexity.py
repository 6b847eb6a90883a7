"""The cost of time resolution: Table 2 of Koutini et al. 2022 on this machine, beside the published values.

Source: Koutini et al., "Learning General Audio Representations With Large-Scale Training of Patchout Audio
Transformers", PMLR 166, 2022. Its values are exact copies in results/reference/koutini2022_table2_complexity.csv.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import click
import pandas as pd
import torch

from ablations.benchmarks.record import Record, command_line
from ablations.benchmarks.step_memory import step_memory
from ablations.benchmarks.training import CLIP_S, Meter, steps
from ablations.system.machine import choose_device
from ablations.terminal.options import DEVICE
from downstream.progress import Advance, Track, silent
from passt.catalog import checkpoints
from passt.catalog.checkpoints import SAMPLE_RATE, Checkpoint
from passt.network.model import SPECIAL
from passt.network.patchout import PAPER, Patchout
from results.rows.rows import TASKS_FILE

PUBLISHED_FILE = TASKS_FILE.with_name("koutini2022_table2_complexity.csv")
CHECKPOINTS = {10: "passt_s_swa_p16_128_ap476", 5: "stfthop160", 3: "stfthop100"}  # by STFT hop in ms, as printed
BATCH = {"cpu": 1, "cuda": 64}
REPEATS = {"cpu": 1, "cuda": 10}
Quantity = tuple[float, int | None, int | None]
"""A value; if it was measured, the batch in clips and the number of timed steps."""
MEASUREMENTS = 5  # of a checkpoint: three speeds, two memories
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
    printed, rows = published(), []
    with track("Table 2", MEASUREMENTS * len(hops_ms)) as advance:
        for hop in hops_ms:
            quantities = _quantities(checkpoints.get(CHECKPOINTS[hop]), meter, precision, advance)
            for name in QUANTITIES:
                value, clips, timed = quantities[name]
                reference = float(printed.loc[hop].get(name, math.nan))
                values = (hop, name, value, reference, value / reference, clips, timed)
                rows.append(dict(zip(COLUMNS, values, strict=True)))
    what = "\n\n".join(NOTES)
    return Record(what, rows, COLUMNS, facts={"precision": precision}, table=_wide(rows), device=device)


def lengths(checkpoint: Checkpoint) -> tuple[int, int]:
    """Count the tokens of a clip of 10 s without and with patchout: patches, cls and dist."""
    grid = checkpoint.grid[0], checkpoint.columns(CLIP_S * SAMPLE_RATE)
    return grid[0] * grid[1] + SPECIAL, PAPER[checkpoint.hop].tokens(grid) + SPECIAL


def _quantities(checkpoint: Checkpoint, meter: Meter, precision: str, advance: Advance) -> dict[str, Quantity]:
    speeds = {}
    for name, make in steps(checkpoint, meter.device, precision).items():
        speeds[name] = meter.speed(make)
        advance(1)
    speed, batch, _ = speeds["train_speed_10s_samples_per_s"]
    patchout_speed, patchout_batch, _ = speeds["train_speed_patchout"]
    memories = {}
    for name, patchout, clips in (
        ("train_memory_mb", Patchout(), batch),
        ("train_memory_patchout_mb", PAPER[checkpoint.hop], patchout_batch),
    ):
        memories[name] = step_memory(checkpoint, meter.device, precision, clips, patchout) / 1e6, clips, 1
        advance(1)
    tokens, tokens_left = lengths(checkpoint)
    counts = {"seq_len": tokens, "seq_len_patchout": tokens_left, "patchout_speedup": patchout_speed / speed}
    return {**{name: (value, None, None) for name, value in counts.items()}, **speeds, **memories}


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
