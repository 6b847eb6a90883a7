"""Count launches, copies and waits of pieces of the project's work, and write them beside those of another version.

    python -m tests.pretended_cuda.counts --label after --out results/benchmarks/launches.json

With `--packages FOLDER` the packages of another checkout are counted, by the tests of this one.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import click

PROGRAM = "python -m tests.pretended_cuda.counts"
WHAT = """Launches, copies and waits of pieces of the project's work on a pretended CUDA device (tests/pretended_cuda),
for each unit of work once it goes on steadily. No GPU was used."""
COLUMNS = {
    "label": "version of the project",
    "piece": "unit of work",
    "launches": "kernels and replays of CUDA graphs",
    "operations": "kernels, those of graphs among them",
    "to_device": "copies from the host",
    "to_host": "copies to the host",
    "pinned": "allocations of pinned memory",
    "waits": "of the host for the device",
    "host_us": "CPU time of the thread that launches, in microseconds, median of the repeats, without most kernels; a "
    "pretended launch costs more than a real one, so that only its ratios mean anything; none where all is computed",
    "places": "file and function -> waits",
}


@click.command(help=(__doc__ or "").split("\n\n")[0])
@click.option("--label", required=True, help="Names the version in the file, such as before or after.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="A JSON file; other labels' rows are kept."
)
@click.option(
    "--packages", type=click.Path(exists=True, file_okay=False), help="A checkout whose packages are counted."
)
@click.option("--repeats", default=3, show_default=True, help="How often each piece is timed.")
def main(label: str, out: Path | None, packages: str | None, repeats: int) -> None:
    """Count all pieces, print them, and write them."""
    if packages:
        sys.path.insert(0, packages)
    rows = measured(label, repeats)
    import pandas as pd

    from ablations.benchmarks.record import Record  # after the device, which comes before torch

    if out and out.exists():
        rows = [*(row for row in json.loads(out.read_text())["rows"] if row["label"] != label), *rows]
    shown = pd.DataFrame(rows).drop(columns="places")
    record = Record(WHAT, rows=rows, columns=COLUMNS, table=shown)
    click.echo(record.to_markdown())
    if out:
        command = f"{PROGRAM} --label {label}" + (" --packages CHECKOUT" if packages else "")
        out.write_text(json.dumps(record.to_json(command), indent=1, ensure_ascii=False) + "\n")


def measured(label: str, repeats: int) -> list[dict[str, Any]]:
    """Count each piece; one row a piece."""
    from tests.pretended_cuda.device import present

    device = present()
    import torch

    from tests.pretended_cuda.workloads import PIECES

    torch.set_num_threads(1)
    rows = []
    for name, piece in PIECES.items():
        device.reset()
        runs = [piece(device) for _ in range(repeats)]
        row = dataclasses.asdict(sorted(runs, key=lambda run: run.host_us or 0)[repeats // 2])
        row["places"] = {" ".join(place): number for place, number in row["places"].items()}
        rows.append({"label": label, "piece": name, **row})
    return rows


if __name__ == "__main__":
    main()
