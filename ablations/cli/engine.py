"""The options of `ablate run` that say which engine executes a study: --shard, --workers, --ray, --gpus-per-worker."""

import functools
from collections.abc import Callable
from typing import Any

import click

from ablations.engines.ray.workers import RayWorkers
from ablations.units.unit import Shard

OPTIONS = (
    click.option("--shard", metavar="I/N", help="Only part I of N; all parts may use one folder at once."),
    click.option("--workers", type=int, metavar="N", help="Run by N Ray workers, which share this machine or --ray's."),
    click.option("--ray", metavar="ADDRESS", help="Run on a Ray cluster: host:port, or auto for the one that is here."),
    click.option("--gpus-per-worker", type=float, metavar="SHARE", help="GPUs of each Ray worker, such as 0.5."),
)


def engine_options(command: Callable) -> Callable:
    """Options that reach the command as `shard` and `workers`."""

    @functools.wraps(command)
    def with_engine(
        *args: Any,
        shard: str | None,
        workers: int | None,
        ray: str | None,
        gpus_per_worker: float | None,
        **others: Any,
    ) -> Any:
        if gpus_per_worker is not None and workers is None and ray is None:
            raise click.UsageError("--gpus-per-worker is of Ray workers, expected --workers or --ray")
        if shard and (workers is not None or ray is not None):
            raise click.UsageError("--shard is without Ray, expected no --workers and no --ray")
        part = Shard.parse(shard) if shard else None
        on_ray = RayWorkers(workers, ray, gpus_per_worker) if workers is not None or ray is not None else None
        return command(shard=part, workers=on_ray, **others)

    return functools.reduce(lambda found, option: option(found), reversed(OPTIONS), with_engine)
