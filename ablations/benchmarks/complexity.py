"""The cost of time resolution: Table 2 of Koutini et al. 2022 on this machine, beside what it prints.

Source: Koutini et al., "Learning General Audio Representations With Large-Scale Training of Patchout Audio
Transformers", PMLR 166, 2022. Its values are exact copies in results/reference/koutini2022_table2_complexity.csv.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch

from ablations.benchmarks.step_memory import step_memory
from ablations.benchmarks.training import CLIP_S, Meter, steps
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
"""What is compared: the published file's column, where it has one -> the heading here."""

NOTES = (
    "Measured here (published: Koutini et al. 2022, Table 2, whose machine is another). Speeds are clips of 10 s a "
    "second, from sound in memory, with untrained weights.",
    "Tokens count the patches, cls and dist in every row. Table 2 counts these two in its first row only: its 2388, "
    "3828, 594 and 1014 are patches.",
    "Training is a micro-batch of this project's trainer (passt.training.step) without augmentations: the mel "
    "spectrogram, Patchout's draw, the forward pass, binary cross-entropy on the logits against random targets and "
    "the backward pass through all parameters that the loss reads; then the gradients are dropped. There is no "
    "optimizer step.",
    "Memory is what the first step takes at its highest beyond the network and its clips: activations and gradients. "
    "On a CPU it is the anonymous memory of a process of its own, on CUDA what torch gives out. Table 2 has none.",
)


def published() -> pd.DataFrame:
    """Table 2 of the paper, by STFT hop in ms; speeds in clips of 10 s a second, as printed."""
    return pd.read_csv(PUBLISHED_FILE, index_col="stft_hop_ms")


def complexity(
    device: str = "cpu",
    batch: int | None = None,
    repeats: int | None = None,
    seconds_limit: float = 60.0,
    *,
    hops_ms: Sequence[int] = tuple(CHECKPOINTS),
    precision: str = "fp32",
    track: Track = silent,
) -> pd.DataFrame:
    """Sequence lengths, speeds and memory of each time resolution, without and with patchout.

    Args:
        batch: clips a step, halved where memory does not suffice; default 1 on a CPU, 64 on CUDA.
        repeats: timed steps after one to warm up, of which the median counts; default 1 on a CPU, 10 on CUDA.
        seconds_limit: no further step of a measurement is started after so long; the first counts where there is no
            other.
        hops_ms: of 10, 5 and 3 (3.125).
        precision: fp32, or bf16 (automatic mixed precision).

    Returns:
        One row a hop and quantity: hop_ms, quantity, value, published (NaN where Table 2 has none), ratio (value /
        published), batch, steps.

    Raises:
        ValueError: for an argument out of its range; names the choices.
    """
    if precision not in ("fp32", "bf16"):
        raise ValueError(f"precision must be fp32 or bf16, got {precision!r}")
    for name, value in (("batch", batch), ("repeats", repeats)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be 1 or more, got {value}")
    if unknown := [hop for hop in hops_ms if hop not in CHECKPOINTS]:
        raise ValueError(f"hop must be one of {', '.join(map(str, CHECKPOINTS))} ms, got {unknown[0]}")
    kind = torch.device(choose_device(device)).type
    meter = Meter(device, batch or BATCH[kind], repeats or REPEATS[kind], seconds_limit)
    cards = {hop: checkpoints.get(CHECKPOINTS[hop]) for hop in hops_ms}
    rows = []
    with track("Table 2", sum(_work(card, meter.repeats) for card in cards.values())) as advance:
        for hop, checkpoint in cards.items():
            found = _measured(checkpoint, meter, precision, advance)
            rows += [{"hop_ms": hop, "quantity": name, **found[name]} for name in QUANTITIES]
    table = pd.DataFrame(rows)
    printed = published().melt(var_name="quantity", value_name="published", ignore_index=False)
    printed = printed.rename_axis("hop_ms").reset_index()
    table = table.merge(printed, on=["hop_ms", "quantity"], how="left")
    table["ratio"] = table["value"] / table["published"]
    order = ["hop_ms", "quantity", "value", "published", "ratio", "batch", "steps"]
    return table[order].astype({"batch": "Int64", "steps": "Int64"})


def lengths(checkpoint: Checkpoint) -> tuple[int, int]:
    """Tokens of a clip of 10 s without and with patchout: patches, cls and dist."""
    grid = checkpoint.grid[0], checkpoint.columns(CLIP_S * SAMPLE_RATE)
    return grid[0] * grid[1] + SPECIAL, PAPER[checkpoint.hop].tokens(grid) + SPECIAL


def to_markdown(table: pd.DataFrame) -> str:
    """Rows of hops, the published values in brackets, and the notes."""
    texts = table.assign(text=[_text(row) for row in table.itertuples()])
    wide = texts.pivot_table(index="hop_ms", columns="quantity", values="text", aggfunc="first", sort=False)
    wide = wide[list(QUANTITIES)].rename(columns=QUANTITIES).rename_axis(index="hop (ms)", columns=None).reset_index()
    text = wide.to_markdown(index=False, disable_numparse=True, colalign=["right"] * wide.shape[1])
    return "\n\n".join([text, *NOTES])


def _measured(
    checkpoint: Checkpoint, meter: Meter, precision: str, advance: Callable[[float], None]
) -> dict[str, dict[str, float]]:
    """Each quantity of one checkpoint: its value and, of a speed, batch and steps."""
    costs = _costs(checkpoint)
    found = {
        name: meter.speed(make, lambda done, cost=costs[name]: advance(done * cost))
        for name, make in steps(checkpoint, meter.device, precision).items()
    }
    gain = found["train_speed_patchout"]["value"] / found["train_speed_10s_samples_per_s"]["value"]
    for name, (speed, choice) in _memories(checkpoint).items():
        batch = found[speed]["batch"]
        value = step_memory(checkpoint, meter.device, precision, batch, choice) / 1e6
        found[name] = {"value": value, "batch": batch, "steps": 1}
        advance(costs[speed])
    every, left = lengths(checkpoint)
    return found | {
        "seq_len": {"value": every},
        "seq_len_patchout": {"value": left},
        "patchout_speedup": {"value": gain},
    }


def _costs(checkpoint: Checkpoint) -> dict[str, float]:
    """About what a step of each speed costs, in tokens through the network; a backward pass is two forward passes."""
    every, left = lengths(checkpoint)
    return {
        "train_speed_10s_samples_per_s": 3 * every,
        "train_speed_patchout": 3 * left,
        "inference_samples_per_s": every,
    }


def _memories(checkpoint: Checkpoint) -> dict[str, tuple[str, Patchout]]:
    """Each memory's quantity -> the speed's quantity whose batch it is of, and what is left out."""
    return {
        "train_memory_mb": ("train_speed_10s_samples_per_s", Patchout()),
        "train_memory_patchout_mb": ("train_speed_patchout", PAPER[checkpoint.hop]),
    }


def _work(checkpoint: Checkpoint, repeats: int) -> float:
    """What all measurements of a checkpoint cost, see `_costs`."""
    costs = _costs(checkpoint)
    return (1 + repeats) * sum(costs.values()) + sum(costs[speed] for speed, _ in _memories(checkpoint).values())


def _text(row: Any) -> str:
    if row.quantity == "patchout_speedup":
        return f"{row.value:.2f} ({row.published:g}, ratio {row.ratio:.2f})"
    if pd.isna(row.published):
        return f"{row.value:.0f}"
    digits = ".0f" if row.quantity.startswith("seq_len") else ".3g"
    return f"{row.value:{digits}} ({row.published:g})"
