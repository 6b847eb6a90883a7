"""The command `ablate compare`: which differences between the models of a run are more than chance."""

from pathlib import Path

import click
import pandas as pd
from tabulate import tabulate

from ablations.cli_options import RUNS, folder_of
from ablations.compared import Compared, compared, ranking_line
from ablations.errors import one_line_errors
from results import edges
from results.bootstrap import RESAMPLES
from results.escapes import printable
from results.ranks import Ranking
from results.rows import read_rows

VARIANCES = ("folds_variance", "seeds_variance", "rest_variance", "grid_variance")


@click.command()
@click.argument("study")
@click.argument("models", nargs=-1, metavar="[A B]")
@RUNS
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals of differences.")
@click.option("--resamples", type=int, default=RESAMPLES, show_default=True, help="Of the bootstrap over test clips.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap.")
@click.option("--all-metrics", is_flag=True, help="On clips also mAP and AUC, which take long on large tasks.")
@one_line_errors
def compare(
    study: str,
    models: tuple[str, ...],
    runs: Path,
    confidence: float,
    resamples: int,
    seed: int,
    all_metrics: bool,
) -> None:
    """Compare models A and B of a STUDY that was run, on the same test clips and over its tasks.

    On clips: the difference of their scores, means over seeds, with its interval and p (paired bootstrap), and
    McNemar's test where there is one seed, corrected over tasks. Over tasks: Wilcoxon's test of A and B, and
    Friedman's of all models. Then how much of the spread of scores is of folds, seeds and grid points. Without A and B
    all models are compared over tasks, in pairs.

    A and B are called as the table calls them, without marks. STUDY is a packaged name, a YAML file, or a run's folder.
    """
    if len(models) not in (0, 2):
        raise click.UsageError(f"expected two models, or none, got {len(models)}: {', '.join(models)}")
    folder = folder_of(study, runs)
    options = {"confidence": confidence, "resamples": resamples, "seed": seed}
    found = compared(folder, *models, all_metrics=all_metrics, **options)
    click.echo(to_text(found, models, confidence))
    for line in edges.edge_warnings(_of(read_rows(folder), models)):
        click.echo(f"\n{line}")


def to_text(found: Compared, models: tuple[str, ...] = (), confidence: float = 0.95) -> str:
    """What was compared, for a terminal."""
    parts = []
    if found.clips is not None:
        parts += [f"{models[0]} less {models[1]}, on the same test clips:", clips_text(found.clips, confidence)]
    if found.tasks is not None:
        parts += ["Over tasks, Wilcoxon (difference: median of a less b, more is better):", _table(found.tasks)]
    if found.ranking is not None:
        parts.append(ranking_text(found.ranking))
    parts += ["Variance of scores:", variance_text(found.variance)]
    return "\n\n".join([*parts, *(f"{note[0].upper()}{note[1:]}." for note in found.notes)])


def clips_text(clips: pd.DataFrame, confidence: float) -> str:
    """`results.versus.versus` for a terminal; tasks that can't be compared so have a line below."""
    compared_ones = clips[clips["reason"] == ""]
    shown = compared_ones.assign(
        difference=compared_ones["difference"].map("{:+.3f}".format),
        interval=[f"[{row.low:+.3f}, {row.high:+.3f}]" for row in compared_ones.itertuples()],
    ).rename(columns={"interval": f"{confidence:.0%} interval"})
    columns = ["task", "metric", "difference", f"{confidence:.0%} interval", "p", "p_holm", "p_mcnemar"]
    reasons = clips["reason"].where(~clips["reason"].str.startswith("no function"), "needs --all-metrics")
    left_out = [
        f"{row.task} ({row.metric}): {reason}."
        for row, reason in zip(clips.itertuples(), reasons, strict=True)
        if reason
    ]
    return "\n\n".join([*([_table(shown[columns])] if len(shown) else []), *left_out])


def ranking_text(ranking: Ranking) -> str:
    """Friedman's test and mean ranks for a terminal."""
    lines = [
        ranking_line(ranking),
        _table(ranking.ranks.rename("mean rank").rename_axis("model").reset_index()),
    ]
    if ranking.left_out:
        lines.append(f"Left out, without a score of every model: {', '.join(ranking.left_out)}.")
    return "\n\n".join(lines)


def variance_text(found: pd.DataFrame) -> str:
    """`results.variance.variance` for a terminal."""
    known = [name for name in VARIANCES if name in found and found[name].notna().any()]
    columns = ["model", "task", "mean", "folds", "seeds", *known]
    return _table(found[columns].rename(columns=lambda name: name.replace("_variance", " variance")))


def _table(found: pd.DataFrame) -> str:
    shown = found.astype(object).map(_cell)
    align = ["right" if pd.api.types.is_numeric_dtype(found[name]) else "left" for name in found]
    return tabulate(shown.to_numpy().tolist(), headers=list(found), disable_numparse=True, colalign=align)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:.3g}"
    return printable(value)


def _of(rows: pd.DataFrame, models: tuple[str, ...]) -> pd.DataFrame:
    return rows[rows["model"].isin(models)] if models else rows
