"""The axes of an ablation as columns: embedding level, receptive field, time resolution.

They are read from the text of a spec, ``checkpoint@levels@w<windows>@s<scene window>@t<timestamp hop>@weights``, and
from the name of its checkpoint. What a text does not say is NaN: a level or window of several values (features+mel,
windows of 160+640 ms), a model's longest window, a hop that the checkpoint's name leaves out.
"""

import re

import pandas as pd

PARTS = ("checkpoint", "levels", "windows", "scene", "timestamps", "weights")
AXIS_COLUMNS = ("level", "window_ms", "scene_window_ms", "hop_ms")
AXES = {
    "level": "embedding level",
    "window": "receptive field in ms",
    "hop": "STFT hop in ms",
}
"""The axes that figures have, and their labels."""
TIMESTAMPS = re.compile("event_|segment_")
"""Metrics of timestamp tasks begin so."""
SAMPLES_PER_MS = 32
"""Of PaSST, whose checkpoints are named by their hop in samples."""


def with_axes(table: pd.DataFrame, models: pd.DataFrame | None = None) -> pd.DataFrame:
    """Add the parts of specs, and the axes that they say, to any table with a column spec.

    Columns: `PARTS`, as texts; level, without how it is pooled, and pool ("" or patches, mean, ...); window_ms, the
    receptive field of timestamp embeddings; scene_window_ms, that of scene embeddings; hop_ms, of the STFT.

    Args:
        table: rows or scores.
        models: what is known of checkpoints, with the columns name, hop_ms and max_window_ms, such as
            `ablations.report.costs.known_models` gives; it fills in windows and hops that the text does not say.
    """
    specs = pd.Series(table["spec"].unique(), dtype="str")
    axes = _axes(specs)
    if models is not None:
        known = models.drop_duplicates("name").set_index("name")
        longest, hop_ms = (_number(axes["checkpoint"].map(known[name])) for name in ("max_window_ms", "hop_ms"))
        axes = axes.assign(
            scene_window_ms=axes["scene_window_ms"].fillna(longest), hop_ms=hop_ms.fillna(axes["hop_ms"])
        )
    added = [name for name in axes if name != "weights" or "weights" not in table]  # rows have their weights
    return table.assign(**{name: table["spec"].map(axes[name].set_axis(specs)) for name in added})


def is_timed(metric: pd.Series) -> pd.Series:
    """Whether each metric is one of event tasks, which take timestamp embeddings."""
    return metric.fillna("").astype(str).str.match(TIMESTAMPS)


def along(table: pd.DataFrame, axis: str) -> pd.Series:
    """Give each line its place on an axis; its receptive field is that of the embeddings that its task takes.

    Args:
        table: scores with axes.
        axis: a key of `AXES`.
    """
    if axis == "window":
        return table["window_ms"].where(is_timed(table["metric"]), table["scene_window_ms"])
    return table[{"level": "level", "hop": "hop_ms"}[axis]]


def series(table: pd.DataFrame, axis: str) -> pd.Series:
    """Name the line along an axis that each score is on, by the parts of specs that differ beside it ("" for one line).

    Args:
        table: made by `with_axes`.
    """
    fixed = {
        "level": ["checkpoint", "pool", "windows", "scene", "timestamps", "weights"],
        "window": ["checkpoint", "levels", "timestamps", "weights"],
        "hop": ["levels", "windows", "scene", "timestamps", "weights"],
    }[axis]
    differing = [name for name in fixed if len(table[name].unique()) > 1]
    texts = {name: [_part_text(name, value) for value in table[name]] for name in differing}
    return pd.DataFrame(texts, index=table.index).apply(lambda row: " ".join(filter(None, row)), axis=1).astype(str)


def _axes(specs: pd.Series) -> pd.DataFrame:
    """Parse each spec: `PARTS`, level, pool, window_ms, scene_window_ms and hop_ms."""
    parts = specs.fillna("").str.split("@", expand=True).reindex(columns=range(len(PARTS)), fill_value="").fillna("")
    parts.columns = list(PARTS)
    levels = parts["levels"].str.extract(r"^(?P<level>[^.+]+)(?:\.(?P<pool>[^.+]+))?$")
    samples = parts["checkpoint"].str.extract(r"^[^:]*_(?:stft)?hop(\d+)(?:_|$)")[0]
    hop_ms = parts["checkpoint"].str.extract(r"^[^:]*_hop_(\d+)(?:_|$)")[0]
    return parts.assign(
        level=levels["level"],
        pool=levels["pool"].fillna(""),
        window_ms=_number(parts["windows"].str[1:]),
        scene_window_ms=_number(parts["scene"].str[1:]),
        hop_ms=_number(hop_ms).fillna(_number(samples) / SAMPLES_PER_MS),
    )


def _number(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values, errors="coerce").astype(float)


def _part_text(part: str, value: str) -> str:
    """Write a part of a spec for a legend."""
    if part in ("windows", "scene"):
        kind = "scene " if part == "scene" else ""
        return f"{kind}{value[1:]}" + ("" if value[1:] in ("own", "max") else " ms")
    if part == "timestamps":
        return f"every {value[1:]} ms"
    if part == "pool":
        return f"level.{value}" if value else "level"
    return "" if value in ("published", "none") else value
