"""The table of models as text: all models for a terminal of 160 columns, or one model in full."""

import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
from tabulate import tabulate

from ablations.models.cost import SECONDS
from passt.catalog.spec_text import WEIGHT_KINDS

NUMBERED = re.compile(r"(\D+)(\d+)(\D*)")
LEFT = {"name", "stride", "mAP", "trained on", "cached"}
IN_FULL = 120  # columns of a terminal
LABEL = 13  # columns of a label


def compressed(levels: Sequence[str]) -> str:
    """Write levels in one line; three or more that differ in their number alone become `block1..block12`."""
    runs: dict[str, list[str]] = {}
    for level in levels:
        numbered = NUMBERED.fullmatch(level)
        runs.setdefault(f"{numbered[1]}#{numbered[3]}" if numbered else level, []).append(level)
    return " ".join(f"{run[0]}..{run[-1]}" if _is_range(run) else " ".join(run) for run in runs.values())


def to_text(table: pd.DataFrame) -> str:
    """The models, and below them the levels of each family and of each model that has other levels."""
    rows = list(table.itertuples())
    shown = pd.DataFrame(
        {
            "name": [_with_alias(row) for row in rows],
            "kHz": [f"{row.sample_rate / 1000:g}" for row in rows],
            "window\nms": [_window(row, "own", "{}-{}", "{} up") for row in rows],
            "hop\nms": [_text(row.hop_ms, "{:g}") for row in rows],
            "stride": [_text(row.stride, "{}") for row in rows],
            "token\nms": [_text(row.token_ms, "{:g}") for row in rows],
            "tokens\n10 s": [_text(row.tokens_10s, "{}") for row in rows],
            "param-\neters": [_count(row.parameters, 1e6, " M") for row in rows],
            "GMACs\n10 s": [_count(row.gmacs_10s, 1, "") for row in rows],
            "mAP": [_text(row.audioset_mAP, "{:.3f}") for row in rows],
            "trained on": [_text(row.trained_on, "{}").split(" (")[0] for row in rows],
            "cached": [_cached(row) for row in rows],
        }
    )
    align = ["left" if name in LEFT else "right" for name in shown]
    text = tabulate(shown, headers="keys", showindex=False, disable_numparse=True, colalign=align)
    return f"{text}\n\n{tabulate(_levels(table), headers=('of', 'levels'), disable_numparse=True)}"


def in_full(row: Any) -> str:
    """Everything that is known of a model, a line each.

    Args:
        row: of the table, as its `itertuples` gives it.
    """
    lines = {
        "family": row.family,
        "sample rate": f"{row.sample_rate} Hz" if row.sample_rate else "its own",
        "levels": textwrap.fill(" ".join(row.levels), IN_FULL - LABEL - 2).replace("\n", "\n" + " " * (LABEL + 2)),
        "token levels": compressed(row.token_levels),
        "windows": _window(row, "its own", "{} to {} ms", "from {} ms"),
        "default": row.spec,
        "weights": ", ".join(WEIGHT_KINDS[kind] for kind in row.weights),
        "precisions": "fp32; tf32 and bf16 where the device has them" if row.precisions else "fp32",
        "STFT hop": _text(row.hop, "{} samples") + _text(row.hop_ms, ", {:g} ms"),
        "tokens": ", ".join(
            filter(None, [_text(row.tokens_10s, f"{{}} in {SECONDS} s"), _text(row.token_ms, "{:g} ms apart")])
        ),
        "stride": _text(row.stride, "{} (bands x frames)"),
        "parameters": _text(row.parameters, "{:,}"),
        "cost": _text(row.gmacs_10s, f"{_count(row.gmacs_10s, 1, '')} GMACs for a scene of {SECONDS} s, default"),
        "trained on": _text(row.trained_on, "{}") + _text(row.audioset_mAP, ", mAP on AudioSet {:.3f}"),
        "file": _text(row.file, "{}"),
        "cached": _cached(row),
        "source": _text(row.url, "{}"),
    }
    texts = [(name, text) for name, text in lines.items() if text] + [("note", note) for note in row.notes]
    return "\n".join([_with_alias(row), *(f"  {name:<{LABEL}}{text}" for name, text in texts)])


def _is_range(run: Sequence[str]) -> bool:
    numbers = [int(numbered[2]) for level in run if (numbered := NUMBERED.fullmatch(level))]
    return len(run) > 2 and numbers == list(range(numbers[0], numbers[0] + len(run)))


def _levels(table: pd.DataFrame) -> list[tuple[str, str]]:
    """(a family, or a model of it with other levels than most; the levels)."""
    lines = []
    for family, rows in table.groupby("family", sort=False):
        texts = [compressed(levels) for levels in rows.levels]
        ((most, _),) = Counter(texts).most_common(1)
        lines.append((str(family), most))
        lines += [(name, text) for name, text in zip(rows["name"], texts, strict=True) if text != most]
    return lines


def _with_alias(row: Any) -> str:
    return f"{row.name} ({row.alias})" if row.alias else row.name


def _window(row: Any, without: str, between: str, least: str) -> str:
    if pd.isna(row.min_window_ms):
        return without
    return (least if pd.isna(row.max_window_ms) else between).format(row.min_window_ms, row.max_window_ms)


def _count(number: Any, unit: float, name: str) -> str:
    if pd.isna(number) or not number:
        return _text(number, "0")
    return f"{number / unit:.1f}{name}" if number / unit >= 0.05 else f"< 0.1{name}"


def _cached(row: Any) -> str:
    if pd.isna(row.cached):
        return ""
    return f"{row.cached_bytes / 1e6:.1f} MB" if row.cached else "no"


def _text(value: Any, form: str) -> str:
    return "" if pd.isna(value) else form.format(value)
