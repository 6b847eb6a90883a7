"""The axes of an ablation as columns: embedding level, receptive field, time resolution, look-ahead.

They are read from the text of a spec, ``checkpoint@levels@w<windows>@s<scene window>@t<timestamp hop>@weights``, where
a pooling may stand behind the levels and a look-ahead behind the timestamp hop, and from the name of its checkpoint.
What a text does not say is NaN: a level or window of several values (features+mel, windows of 160+640 ms), a model's
longest window, a hop that the checkpoint's name leaves out, the look-ahead of centered windows. Models side by side
(``A ++ B``) have no place on any axis: their parts are texts of all of them, so that none stands for the others.
"""

import math
import re
from collections.abc import Iterable, Sequence

import pandas as pd

PARTS = ("checkpoint", "levels", "windows", "scene", "timestamps", "weights")
POOLING = re.compile(r"^(?P<before>[^@]*@[^@]*)@(?P<pooling>[a-z_]+)(?=@w(?:own|\d))")
"""How a text begins that has a pooling behind its levels."""
FUSED = " ++ "
"""Between the texts of models side by side in a spec (as in `passt.catalog.spec_text`)."""
LOOKAHEAD = re.compile(r"^(?P<before>.*@t(?:own|\d+))@(?P<ahead>ahead\d+)(?=@)")
"""How a text begins that has a look-ahead."""
AXIS_COLUMNS = ("level", "window_ms", "scene_window_ms", "hop_ms", "lookahead_ms")
AXES = {
    "level": "embedding level",
    "window": "receptive field in ms",
    "hop": "STFT hop in ms",
    "lookahead": "look-ahead in ms",
}
"""The axes that figures have, and their labels."""
VARIED = {
    "level": "levels, such as `levels: [[block6], [features]]`",
    "window": "windows, such as `windows_ms: [[160], [640]]` (for scene tasks, `scene_window_ms`)",
    "hop": "the checkpoint: each has a hop",
    "lookahead": "look-aheads, such as `lookahead_ms: [0, 80]`",
}
"""What a study varies along each axis."""
WHOLE_CLIP = math.inf
"""The place on the axis of receptive fields of an embedding of a whole clip."""
FLOORS = {"chance": "chance", "logmel": "log-mel", "melproj": "random projection"}
"""Checkpoints that learn nothing and have no levels: what other models are to surpass. Their names in figures."""
STAGES = {
    **dict.fromkeys(("mel", "mean", "std"), 0),
    **dict.fromkeys(("block", "layer", "se"), 1),
    **dict.fromkeys(("features", "embedding"), 2),
    **{"clf": 3, "logits": 4},
}
"""The order of the levels of a network by their names without numbers: spectrum, blocks, what follows them."""
SQUEEZED = r"se\d+$"
"""Levels beside the blocks of a network: what its squeeze-and-excitation sees."""
LEVEL = re.compile(r"([a-z]+?)(mean|std)?(\d*)")
NUMBERED = re.compile(r"(\D+)(\d+)(\D*)")
TIMESTAMPS = re.compile("event_|segment_")
"""Metrics of timestamp tasks begin so."""
SAMPLES_PER_MS = 32
"""Of PaSST, whose checkpoints are named by their hop in samples."""


def with_axes(table: pd.DataFrame, models: pd.DataFrame | None = None) -> pd.DataFrame:
    """Add the parts of specs, and the axes that they say, to any table with a column spec.

    Columns: `PARTS`, as texts, where levels that a probe pools stand in brackets, such as weighted(block1..block12);
    level, without how it is pooled, and pool ("" or patches, mean, tokens attention, ...); window_ms, the receptive
    field of timestamp embeddings; scene_window_ms, that of scene embeddings; hop_ms, of the STFT; ahead, the look-ahead
    as the text has it ("" where windows are centered), and lookahead_ms.

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

    A scene embedding of a whole clip is at `WHOLE_CLIP`. A window that is centered on its timestamp reaches half its
    length beyond it, and stands there on the axis of look-aheads, on which scenes have no place.

    Args:
        table: scores with axes.
        axis: a key of `AXES`.
    """
    if axis == "window":
        whole = (table["scene"] == "smax") & (table["windows"] != "wown")
        scenes = table["scene_window_ms"].mask(whole, WHOLE_CLIP)
        return table["window_ms"].where(is_timed(table["metric"]), scenes)
    if axis == "lookahead":
        return table["lookahead_ms"].fillna(table["window_ms"] / 2).where(is_timed(table["metric"]))
    return table[{"level": "level", "hop": "hop_ms"}[axis]]


def checkpoint_of(specs: pd.Series) -> pd.Series:
    """Give the checkpoint that each spec names; "" where there is no spec."""
    return specs.fillna("").astype(str).str.replace(rf"@.*?(?={re.escape(FUSED)}|$)", "", regex=True)


def stage(level: str) -> tuple[int, int] | None:
    """Order a level among those of any network; None for a name that is not known."""
    match = LEVEL.fullmatch(level)
    if match is None or match[1] not in STAGES:
        return None
    return STAGES[match[1]], int(match[3] or 0)


def depths(table: pd.DataFrame, models: pd.DataFrame | None = None) -> pd.Series:
    """Give each line's level its relative depth in its network: 0 is the input spectrum, 1 the last level.

    Stages of a network (spectrum, each block, the levels behind them) are evenly spaced. Levels whose names are not
    known are so in the order of the rows. Lines without a level are NaN, and so is the only level of a network without
    known names.

    Args:
        table: scores with axes.
        models: what is known of checkpoints, with the columns name and levels; without, a network ends at its last
            level in the table.
    """
    known = {} if models is None or "levels" not in models else dict(zip(models["name"], models["levels"], strict=True))
    levels = table["level"].fillna("").astype(str)
    depth: dict[tuple[str, str], float] = {}
    for checkpoint, names in levels[levels != ""].groupby(table["checkpoint"], sort=False):
        own = list(names.unique())
        ladder = _ladder({*own, *(name.partition(".")[0] for name in known.get(checkpoint, ()))})
        places = (
            {name: ladder.index(stage(name)) for name in own} if ladder else {name: i for i, name in enumerate(own)}
        )
        last = len(ladder or own) - 1
        depth |= {(str(checkpoint), name): place / last for name, place in places.items() if last}
    keys = zip(table["checkpoint"], levels, strict=True)
    return pd.Series([depth.get(key, math.nan) for key in keys], table.index, dtype=float)


def _ladder(levels: Iterable[str]) -> Sequence[tuple[int, int] | None]:
    """Order the stages of a network with these levels, with the spectrum and all blocks; empty for unknown names."""
    stages = {stage(name) for name in levels}
    known = {place for place in stages if place is not None}
    if len(known) < len(stages):
        return []
    deepest = max((number for kind, number in known if kind == 1), default=0)
    return sorted({*known, (0, 0), *((1, number) for number in range(1, deepest))})


def series(table: pd.DataFrame, axis: str) -> pd.Series:
    """Name the line along an axis that each score is on ("" where there is one line).

    Lines are named by their checkpoints, then by the parts of specs that differ within what is named so far. Weights
    are named where two lines of trained, or two of untrained weights differ in nothing else.

    Args:
        table: made by `with_axes`, with the flag untrained.
    """
    fixed = {
        "level": ["checkpoint", "pool", "branch", "field", "timestamps", "ahead", "weights"],
        "window": ["checkpoint", "levels", "timestamps", "ahead", "weights"],
        "hop": ["family", "levels", "field", "timestamps", "ahead", "weights"],
        "lookahead": ["checkpoint", "levels", "field", "timestamps", "weights"],
    }[axis]
    squeezed = table["level"].fillna("").str.match(SQUEEZED)
    table = table.assign(
        branch=squeezed.map({True: "squeeze-excitation", False: "blocks"}),
        field=table["windows"].where(is_timed(table["metric"]), table["scene"]),
        ahead=table["ahead"].where(is_timed(table["metric"]), ""),
    )
    names = pd.Series("", table.index)
    for part in fixed:
        within = {"weights": [table["untrained"]], "field": [table["task"]], "ahead": [table["task"]]}.get(part, [])
        differs = table[part].groupby([names, *within], sort=False).transform("nunique") > 1
        differs = differs.groupby(names).transform("any")
        texts = pd.Series([_part_text(part, value) for value in table[part]], table.index, dtype="str")
        names = names.where(~differs, (names + " " + texts).str.strip())
    return names


def _axes(specs: pd.Series) -> pd.DataFrame:
    """Parse each spec: `PARTS`, level, pool, ahead, and the columns of `AXIS_COLUMNS`."""
    texts = specs.fillna("").astype("str")
    fused = texts.str.contains(FUSED, regex=False)
    pooling = texts.str.extract(POOLING)["pooling"].fillna("")
    texts = texts.str.replace(POOLING, r"\g<before>", regex=True)
    ahead = texts.str.extract(LOOKAHEAD)["ahead"].fillna("").mask(fused, "")
    texts = texts.str.replace(LOOKAHEAD, r"\g<before>", regex=True)
    parts = texts.str.split("@", expand=True).reindex(columns=range(len(PARTS)), fill_value="").fillna("")
    parts.columns = list(PARTS)
    for row in texts.index[fused]:
        parts.loc[row] = [FUSED.join(values) for values in zip(*map(_parts, specs[row].split(FUSED)), strict=True)]
    levels = parts["levels"].str.extract(r"^(?P<level>[^.+]+)(?:\.(?P<pool>[^.+]+))?$")
    samples = parts["checkpoint"].str.extract(r"^[^:]*_(?:stft)?hop(\d+)(?:_|$)")[0]
    hop_ms = parts["checkpoint"].str.extract(r"^[^:]*_hop_(\d+)(?:_|$)")[0]
    return parts.assign(
        levels=[pooled(*pair) for pair in zip(parts["levels"], pooling, strict=True)],
        level=levels["level"].mask(fused),
        pool=(levels["pool"].fillna("") + " " + pooling).str.strip(),
        window_ms=_number(parts["windows"].str[1:]),
        scene_window_ms=_number(parts["scene"].str[1:]),
        hop_ms=_number(hop_ms).fillna(_number(samples) / SAMPLES_PER_MS).mask(fused),
        ahead=ahead,
        lookahead_ms=_number(ahead.str.removeprefix("ahead")),
    )


def _parts(spec: str) -> list[str]:
    """`PARTS` of one of several models; a look-ahead stands with its timestamps."""
    values = LOOKAHEAD.sub(r"\g<before>\g<ahead>", spec).split("@")
    return (values + [""] * len(PARTS))[: len(PARTS)]


def pooled(levels: str, pooling: str) -> str:
    """Write levels as a legend has them: with what pools them, if anything does, and ranges of levels in short.

    >>> pooled("block1+block2+block3+logits", "weighted"), pooled("block1+block2+block3", "")
    ('weighted(block1..block3+logits)', 'block1+block2+block3')
    """
    if not pooling:
        return levels
    runs: list[list[str]] = []
    for level in levels.split("+"):
        if runs and _follows(runs[-1][-1], level):
            runs[-1].append(level)
        else:
            runs.append([level])
    texts = (f"{run[0]}..{run[-1]}" if len(run) > 2 else "+".join(run) for run in runs)
    return f"{pooling}({'+'.join(texts)})"


def _follows(level: str, following: str) -> bool:
    """Whether the second level differs from the first by its number alone, which is one more."""
    one, other = NUMBERED.fullmatch(level), NUMBERED.fullmatch(following)
    if one is None or other is None or one.group(1, 3) != other.group(1, 3):
        return False
    return int(other[2]) == int(one[2]) + 1


def _number(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values, errors="coerce").astype(float)


def _part_text(part: str, value: str) -> str:
    """Write a part of a spec for a legend."""
    if part == "field":
        return {"own": "its own window", "max": "whole clip"}.get(value[1:], f"{value[1:]} ms")
    if part == "timestamps":
        return f"every {value[1:]} ms"
    if part == "ahead":
        return f"look-ahead {value.removeprefix('ahead')} ms" if value else "centered"
    if part == "pool":
        return f"level.{value}" if value else "level"
    return value
