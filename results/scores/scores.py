"""From rows to one line a model and task: the mean of the primary metric, with its spread over folds and over seeds."""

import pandas as pd
from scipy import special

from results.reference.published import is_published
from results.scores import beside
from results.scores.records import is_missing, of_absent_tasks

UNTRAINED_MARK = "†"
UNTRAINED_NOTE = f"{UNTRAINED_MARK} untrained weights (random, from a seed): a floor, not what the model can do."
KEYS = ["model", "task", "metric"]
CELL = [*KEYS, "task_fp", "fold", "seed"]


def is_untrained(weights: pd.Series) -> pd.Series:
    """Whether the weights column says so."""
    return weights.astype(str).str.startswith("untrained")


def scores(rows: pd.DataFrame, interval: float | None = None) -> pd.DataFrame:
    """Per model and task, of the primary metric: mean, std and what they are of.

    Columns: model, task, metric; mean, over folds and seeds; std_folds, the standard deviation over folds of means
    over seeds; std_seeds, that over seeds of means over folds (both ddof 1, NaN of one value); std, the first where
    there are several folds, else the second; count of scores, folds, seeds; family, protocol, tolerance (NaN: exact),
    published. With `interval` low and high: Student's t of the means over folds (over seeds where there is one fold)
    with that confidence. Folds share training data, so that such an interval is too narrow (Nadeau & Bengio 2003,
    s. 3); one over seeds knows of training's randomness alone; `results.statistics.bootstrap` has those over test
    clips.

    A cell that was not measured (`results.scores.records.with_missing`) has a count of 0 and is NaN.
    A fold without a score (NaN) makes all of these NaN; hear-eval-kit's mean leaves it out. A score that several
    studies share counts once. Models and tasks keep the order of the rows; models with untrained weights carry the
    mark. Published models come last, marked, on the tasks and metrics that were measured.

    Raises:
        ValueError: for a model with several scores of one fold and seed (of other specs or protocols), or an interval
            that is not between 0 and 1.
    """
    if interval is not None and not 0 < interval < 1:
        raise ValueError(f"interval must be a confidence between 0 and 1, such as 0.95, got {interval!r}")
    primary = cells(rows)
    grouped = primary.assign(made=~is_missing(primary)).groupby(KEYS, sort=False)
    kept = {name: (name, "first") for name in ("family", "protocol", "tolerance", "published")}
    found = grouped.agg(mean=("score", "mean"), count=("made", "sum"), defined=("score", "count"), **kept)
    found = found.join(_spread(primary, ["task_fp", "fold"], "folds")).join(_spread(primary, ["seed"], "seeds"))
    found["std"] = found["std_folds"].where(found["folds"] > 1, found["std_seeds"])
    values = ["mean", "std", "std_folds", "std_seeds"]
    found[values] = found[values].where(found["defined"] == found["count"])
    found = found.drop(columns="defined").reset_index()
    order = [*KEYS, "mean", "std", "count", "std_folds", "std_seeds", "folds", "seeds", *kept]
    return found[order] if interval is None else _with_interval(found[order], interval)


def scores_of(rows: pd.DataFrame) -> pd.DataFrame:
    """`scores`, with three columns more: what figures and comparisons need to know of each model.

    name: the model without marks, the same for a published model and a measured one that is called like it; spec, the
    text of its spec (of published ones set:model); untrained, whether its weights are.

    Raises:
        ValueError: where there are no rows.
    """
    if rows.empty:
        raise ValueError("no rows to draw")
    shown = beside.shown(rows)
    untrained, published = is_untrained(shown["weights"]), is_published(shown)
    bare = shown["spec"].str.split(":", n=1).str[-1].where(published, shown["model"])
    label = shown["model"].where(~untrained, shown["model"] + UNTRAINED_MARK)
    about = pd.DataFrame({"model": label, "name": bare, "spec": shown["spec"], "untrained": untrained})
    return scores(rows).merge(about.drop_duplicates("model"), on="model", how="left", validate="many_to_one")


def absent_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Lines as `scores` has them, without a score, of the study's tasks on which nothing was measured."""
    found = rows[of_absent_tasks(rows)]
    mark = is_untrained(found["weights"]).map({True: UNTRAINED_MARK, False: ""})
    found = found[["task", "metric", "family", "protocol"]].assign(model=found["model"] + mark)
    return found.assign(mean=float("nan"), std=float("nan"), tolerance=float("nan"), count=0, published=False)


def cells(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows that `scores` is of, each a model, task, fold and seed: of primary metrics, names marked, none twice.

    Raises:
        ValueError: for a model with several scores of one fold and seed.
    """
    primary = beside.shown(rows)
    untrained = is_untrained(primary["weights"])
    primary = primary.assign(
        model=primary["model"].where(~untrained, primary["model"] + UNTRAINED_MARK), published=is_published(primary)
    ).drop_duplicates([*CELL, "job"])
    _check_unique(primary)
    return primary


def _spread(primary: pd.DataFrame, over: list[str], name: str) -> pd.DataFrame:
    """The standard deviation over `over` of means over everything else, and how many there are."""
    means = primary.groupby([*KEYS, *over], sort=False, dropna=False)["score"].mean()
    groups = means.groupby(level=KEYS, sort=False)
    return pd.DataFrame({f"std_{name}": groups.std(ddof=1), name: groups.size()})


def _with_interval(found: pd.DataFrame, confidence: float) -> pd.DataFrame:
    number = found["folds"].where(found["folds"] > 1, found["seeds"])
    quantile = special.stdtrit((number - 1).where(number > 1), (1 + confidence) / 2)  # Student's t
    half = quantile * found["std"] / number**0.5
    return found.assign(low=found["mean"] - half, high=found["mean"] + half)


def _check_unique(primary: pd.DataFrame) -> None:
    twice = primary[primary.duplicated(CELL, keep=False)]
    if twice.empty:
        return
    first = twice.iloc[0]
    same = twice[(twice[CELL].astype(str) == first[CELL].astype(str)).all(axis=1)]
    apart = [name for name in ("spec", "protocol", "precision", "embedder_fp", "job") if len(set(same[name])) > 1]
    what = f" ({apart[0]} {' and '.join(map(str, same[apart[0]].unique()))})" if apart else ""
    raise ValueError(
        f"model {first['model']!r} has {len(same)} scores on {first['task']}, {first['fold']}, seed {first['seed']}"
        f"{what}; expected one: give them names of their own in the column model"
    )
