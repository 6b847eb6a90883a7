"""What all of HEAR costs for one variant: operations counted task by task, over rates that were measured.

Operations are two a multiply-add, of the network's and the probes' products; the rates are those at which a machine got
through such operations with everything around them (`ablate benchmark embed` and `probes`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablations.probe_speed import operations
from passt import EmbeddingSpec, checkpoints
from passt.complexity import macs
from results.rows import TASKS_FILE, task_table

EPOCHS = 140  # of a fit: 1644 in 12 fits of ESC-10, probes_cpu.json
GRID = {1: 3, 2: 5}  # hidden layers -> of the eight configurations that HEAR tries
REFITTED_LAYERS = 2
TRAIN_SHARE = 0.7  # of the clips of a task that has no folds
EVERY = 3  # epochs, of a validation
ASSUMED_TFLOPS = {"fp32": 20.0, "bf16": 250.0}
"""Of a data-centre GPU, where none was measured: about 30 % of float32 (67) and 25 % of bfloat16 (989) on the data
sheet of an H100 or H200."""
ASSUMED_PROBES_TFLOPS = 5.0


NOTES = f"""Assumptions:

- clips and their lengths are the benchmark's (`results/reference/task_sizes.csv`); every clip of a task is taken to be
  as long as the table says
- scenes longer than the checkpoint's maximum go through the network in overlapping windows; event tasks have a window
  a timestamp
- {EPOCHS} epochs a fit (1644 in the 12 fits of ESC-10, `probes_cpu.json`; HEAR allows 500), 8 configurations on the
  first fold and one on each other; {TRAIN_SHARE:.0%} of the clips of a task without folds to train on; 10 labels
- a rate has in it all that was around the products when it was measured: spectrograms, copies, activations,
  validations; not reading and resampling of clips, which goes on beside the network, nor the scores of events (26 ms
  a validation of MAESTRO, `events_cpu.json`)
- rates that are assumed were measured nowhere: about 30 % of float32 and 25 % of bfloat16 on the data sheet of an
  H100 or H200, and 5 TFLOP/s for probes, whose products are small
"""


@dataclass(frozen=True)
class Rates:
    """At which a machine works, in operations a second.

    Attributes:
        measured: whether these were measured, or assumed.
    """

    name: str
    scenes: float
    timestamps: float
    probes: float
    measured: bool

    @classmethod
    def of(cls, embed: Mapping[str, Any], probes: Mapping[str, Any], precision: str) -> "Rates":
        """From the records of `ablate benchmark embed` and `ablate benchmark probes`.

        Raises:
            ValueError: where the records don't have the precision.
        """
        own = {
            r["embedding"]: r["gflops"] for r in embed["rows"] if (r["precision"], r["levels"]) == (precision, "base")
        }
        if not own:
            known = ", ".join(dict.fromkeys(row["precision"] for row in embed["rows"]))
            raise ValueError(f"precision must be one that was measured ({known}), got {precision!r}")
        packs = [row["gflops"] for row in probes["rows"] if row["way"] == "pack" and row["probes"] == 8]
        packs = packs or [row["gflops"] for row in probes["rows"] if row["way"] == "pack"]
        name = f"{embed['device']}, {precision}"
        return cls(name, own["scenes"] * 1e9, own["timestamps"] * 1e9, sum(packs) / len(packs) * 1e9, True)

    @classmethod
    def assumed(cls, precision: str) -> "Rates":
        rate = ASSUMED_TFLOPS[precision] * 1e12
        return cls(f"a data-centre GPU, {precision}", rate, rate, ASSUMED_PROBES_TFLOPS * 1e12, False)


def work(spec: EmbeddingSpec) -> pd.DataFrame:
    """A row a task: `clips`, `hours` of sound, `windows` through the network, `fits`, `items` that a fit trains on, and
    `network_pflop` and `probes_pflop`, 10^15 operations.

    Args:
        spec: of PaSST, with any levels; its windows are those of timestamp embeddings.
    """
    table = task_table().join(pd.read_csv(TASKS_FILE.with_name("task_sizes.csv"), index_col="key"))
    return pd.DataFrame([_work(spec, key, row) for key, row in table.iterrows()]).set_index("task")


def hours(found: pd.DataFrame, rates: Rates) -> pd.DataFrame:
    """Hours a task: `network` and `probes`."""
    rate = pd.Series(rates.scenes, index=found.index).where(~found["events"], rates.timestamps)
    network, probes = found["network_pflop"] * 1e15 / rate, found["probes_pflop"] * 1e15 / rates.probes
    return pd.DataFrame({"network": network / 3600, "probes": probes / 3600})


def _work(spec: EmbeddingSpec, key: str, row: pd.Series) -> dict[str, Any]:
    checkpoint, seconds, clips = checkpoints.get(spec.checkpoint), float(row["clip_seconds"]), int(row["clips"])
    events = row["primary_metric"].startswith("event")
    if events:
        rows = int(seconds * 1000 // spec.timestamp_hop_ms) + 1
        windows = rows * len(spec.windows_ms)
        network = rows * sum(macs(checkpoint, window / 1000) for window in spec.windows_ms)
        dim = len(spec.windows_ms) * _dim(spec)
    else:
        rows, longest = 1, checkpoint.max_window_s
        windows = 1 if seconds <= longest else int(seconds * 1000 // checkpoint.scene_hop_ms) + 1
        network = windows * macs(checkpoint, min(seconds, float(longest)))
        dim = _dim(spec)
    folds = 1 if row["splits"] == "trainvaltest" else int(row["splits"].split("-")[0])
    items = clips * rows * (TRAIN_SHARE if folds == 1 else (folds - 2) / folds)
    valid = clips * rows * ((1 - TRAIN_SHARE) / 2 if folds == 1 else 1 / folds)
    layers = [each for each, count in GRID.items() for _ in range(count)] + [REFITTED_LAYERS] * (folds - 1)
    probes = sum(operations(each, round(items), round(valid), dim, EVERY) for each in layers)
    return {
        "task": key,
        "events": events,
        "clips": clips,
        "hours": clips * seconds / 3600,
        "windows": clips * windows,
        "network_pflop": 2 * clips * network / 1e15,
        "fits": len(layers),
        "items": round(items),
        "probes_pflop": EPOCHS * probes / 1e15,
    }


def _dim(spec: EmbeddingSpec) -> int:
    checkpoint = checkpoints.get(spec.checkpoint)
    return sum(checkpoint.n_classes if level == "logits" else checkpoint.width for level in spec.levels)


def to_markdown(spec: EmbeddingSpec, machines: list[Rates]) -> str:
    """The page: assumptions, a table of tasks, and totals."""
    found = work(spec)
    table = found.drop(columns=["events"])
    for rates in machines:
        taken = hours(found, rates)
        table[f"{rates.name}, h"] = taken["network"] + taken["probes"]
    total = table.sum(numeric_only=True).rename("all 19")
    total[["fits"]] = table[["fits"]].sum()
    shown = pd.concat([table, total.to_frame().T.drop(columns="items")]).rename_axis("task")
    for name in ("clips", "windows", "fits", "items"):
        shown[name] = [f"{value:,.0f}" if pd.notna(value) else "" for value in shown[name]]
    ends = []
    for rates in machines:
        network, probes = hours(found, rates).sum()
        speeds = (rate / 1e12 for rate in (rates.scenes, rates.timestamps, rates.probes))
        how = "{} rates: {:.2f} TFLOP/s of scenes, {:.2f} of timestamps, {:.2f} of probes"
        kind = "measured" if rates.measured else "assumed"
        taken = f"{network + probes:.1f} h, {network:.1f} h of them the network, {probes:.1f} h probes"
        ends.append(f"- {rates.name}: {taken} ({how.format(kind, *speeds)})")
    title = "# What all of HEAR costs for one variant"
    made = f"Variant: `{spec}`. Made by `ablate benchmark hear`: operations counted task by task, over rates."
    return "\n".join([title, "", made, "", *ends, "", shown.to_markdown(floatfmt=".3g"), "", NOTES])
