"""How much of the store the tokens of windows take, by model, window and level.

    python -m tests.campaigns.token_sizes --out results/benchmarks/token_sizes.json

Nothing is measured: the sizes follow from the networks' shapes, as embedders and `ablate plan` count them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ablations.benchmarks.record import Record, command_line
from ablations.models import registry
from ablations.models.baselines import checkpoints as cnns
from ablations.models.baselines.cnn import CnnEmbedder
from ablations.models.baselines.cnn14 import Cnn14Embedder
from ablations.models.baselines.mobilenet import MobileNetEmbedder
from downstream.progress import Track, silent
from downstream.store.number_format import BFLOAT16, FLOAT32
from passt.catalog import checkpoints
from passt.tokens import TOKENS

PASST = ("passt_demo", "passt_s_swa_p16_128_ap476")
CNNS: Mapping[str, type[CnnEmbedder]] = {"mn04_as": MobileNetEmbedder, "cnn14": Cnn14Embedder}
WINDOWS_MS = (160, 640, 10_000)
SCENES = 10_000
STEPS = 72_000  # of an hour, every 50 ms
COLUMNS = {
    "model": "",
    "window_ms": "of a timestamp, or the whole of a scene",
    "levels": f"the blocks whose {TOKENS} are of this size",
    "grid": "tokens along frequency x time",
    "width": "numbers of a token",
    "row_kb": f"10^3 bytes of a row of one level, {BFLOAT16.bytes} a number",
    "times": f"as many as a row of the mean of the same tokens takes, {FLOAT32.bytes} a number",
    "scenes_mb": f"10^6 bytes of {SCENES} scenes",
    "hour_mb": f"10^6 bytes of an hour of timestamps every 50 ms, {STEPS} rows",
}


def measure(*, track: Track = silent) -> Record:
    """Compute the sizes of tokens in the store."""
    rows = []
    for model in (*PASST, *CNNS):
        for window_ms in WINDOWS_MS:
            if window_ms >= (registry.card(model).min_window_ms or 0):
                rows += [_row(model, window_ms, *size, levels) for size, levels in sizes(model, window_ms).items()]
    return Record("the store's size by tokens: computed from shapes, nothing is measured", rows, COLUMNS)


def sizes(model: str, window_ms: int) -> dict[tuple[tuple[int, int], int], list[str]]:
    """(grid, width of a token) -> levels that keep tokens so."""
    levels: dict[tuple[tuple[int, int], int], list[str]] = {}
    grid_of, width_of = _shapes(model)
    for level in registry.card(model).token_levels:
        levels.setdefault((grid_of(level, window_ms), width_of(level)), []).append(level)
    return levels


def _shapes(model: str) -> tuple[Callable[[str, int], tuple[int, int]], Callable[[str], int]]:
    """What tells the grid of a level and a window, and the width of a level's token."""
    if model in PASST:
        row = checkpoints.get(model)
        return lambda _, window_ms: row.token_grid(window_ms), lambda _: row.width
    embedder, cnn = CNNS[model], cnns.get(model)
    return lambda level, window_ms: embedder.token_grid(cnn, level, window_ms), embedder.dims_of(cnn).__getitem__


def _row(model: str, window_ms: int, grid: tuple[int, int], width: int, levels: list[str]) -> dict[str, Any]:
    tokens = grid[0] * grid[1]
    size = BFLOAT16.bytes * tokens * width
    names = [level.removesuffix(TOKENS) for level in levels]
    return {
        "model": model,
        "window_ms": window_ms,
        "levels": names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}",
        "grid": f"{grid[0]} x {grid[1]}",
        "width": width,
        "row_kb": size / 1e3,
        "times": size / (FLOAT32.bytes * width),
        "scenes_mb": SCENES * size / 1e6,
        "hour_mb": STEPS * size / 1e6,
    }


main = command_line(measure, "python -m tests.campaigns.token_sizes")

if __name__ == "__main__":
    main()
