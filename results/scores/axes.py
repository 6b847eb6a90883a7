"""The axes of an ablation as columns: what the text of a spec says, beside what is known of its checkpoint.

The text is ``checkpoint@levels@w<windows>@s<scene window>@t<timestamp hop>@weights``.
"""

import re

import pandas as pd

AXES = {
    "level": "embedding level",
    "window": "receptive field in ms",
    "hop": "STFT hop in ms",
}
"""What can be varied, and how it is called on an axis."""
TIMESTAMPS = re.compile("event_|segment_")
"""Metrics of timestamp tasks begin so."""


def with_axes(found: pd.DataFrame, models: pd.DataFrame | None = None) -> pd.DataFrame:
    """`found` with a column for each part of its specs, and for each of AXES.

    checkpoint, levels, windows, scene, timestamps and weights are texts. `level` is the level without how it is pooled,
    `pool` that ("" or patches, mean, ...). `window` is the receptive field in ms: of timestamps on tasks with
    timestamps, else the scene window, the model's longest where the spec sets none. `hop` is the STFT hop in ms. NaN
    stands for what has several values (features+mel, windows of 160+640 ms), or is not known.

    Args:
        found: has the columns spec and metric. models: rows with name (a checkpoint), hop_ms and max_window_ms, such as
            `ablations.report.costs.known_models` gives; what is not there is not known.
    """
    parts = found["spec"].str.split("@", expand=True).reindex(columns=range(6), fill_value="").fillna("")
    parts.columns = ["checkpoint", "levels", "windows", "scene", "timestamps", "weights"]
    known = pd.DataFrame(columns=["hop_ms", "max_window_ms"])
    if models is not None:
        known = models.drop_duplicates("name").set_index("name")
    pooled = parts["levels"].str.extract(r"^(?P<level>[^.+]+)(?:\.(?P<pool>[^.+]+))?$")
    of_checkpoint = {
        name: pd.to_numeric(parts["checkpoint"].map(known[column]), errors="coerce").astype(float)
        for name, column in (("hop", "hop_ms"), ("longest", "max_window_ms"))
    }
    scene = (
        pd.to_numeric(parts["scene"].str[1:], errors="coerce")
        .astype(float)
        .fillna(of_checkpoint["longest"].astype(float))
    )
    window = pd.to_numeric(parts["windows"].str[1:], errors="coerce").where(is_timed(found["metric"]), scene)
    return found.assign(
        **{name: parts[name] for name in parts},
        level=pooled["level"],
        pool=pooled["pool"].fillna(""),
        window=window.astype(float),
        hop=of_checkpoint["hop"],
    )


def is_timed(metric: pd.Series) -> pd.Series:
    """Whether a metric is one of event tasks, which have timestamp embeddings."""
    return metric.fillna("").astype(str).str.match(TIMESTAMPS)


def series(found: pd.DataFrame, axis: str) -> pd.Series:
    """What distinguishes the lines along an axis: the parts of specs that differ beside it, as a text ("" for one).

    Args:
        found: made by `with_axes`.
    """
    fixed = {
        "level": ["checkpoint", "pool", "windows", "scene", "timestamps", "weights"],
        "window": ["checkpoint", "levels", "timestamps", "weights"],
        "hop": ["levels", "windows", "scene", "timestamps", "weights"],
    }[axis]
    several = [name for name in fixed if len(found[name].unique()) > 1]
    texts = {name: found[name].map(lambda value, name=name: _told(name, value)) for name in several}
    return pd.DataFrame(texts, index=found.index).apply(lambda row: " ".join(filter(None, row)), axis=1).astype(str)


def _told(name: str, value: str) -> str:
    """A part of a spec for a legend."""
    if name in ("windows", "scene"):
        kind = "scene " if name == "scene" else ""
        return f"{kind}{value[1:]}" + ("" if value[1:] in ("own", "max") else " ms")
    if name == "timestamps":
        return f"every {value[1:]} ms"
    if name == "pool":
        return f"level.{value}" if value else "level"
    return "" if value in ("published", "none") else value
