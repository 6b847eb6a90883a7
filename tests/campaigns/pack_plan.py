"""How many packs and steps a study of HEAR takes on a GPU: unit by unit, and with units that wait for each other.

    python -m tests.campaigns.pack_plan --out results/benchmarks/pack_plan.json

Nothing is trained. The plan is that of `downstream.probes.pack`, for tasks of the published sizes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ablations.benchmarks.record import Record, command_line
from ablations.units import waiting
from downstream.probes import pack
from downstream.probes.features import ProbeData
from downstream.probes.fit import Fitting
from downstream.probes.packing.plan import LIVE, packs_of
from downstream.probes.packing.shape import LAUNCHES_S, Shape
from downstream.probes.probe import ProbeConfig
from downstream.probes.protocol import Protocol
from downstream.probes.selection import Selection
from downstream.progress import Track, silent
from results.rows.rows import task_table

MODELS = {"VGGish": 128, "OpenL3": 512, "wav2vec 2.0": 1024, "PaSST": 1295, "CNN14": 2048, "CREPE": 2048}
"""Models of HEAR and the widths of their embeddings."""
LABELS = {
    **{"beehive": 2, "beijing_opera": 4, "crema_d": 6, "dcase2016_task2": 11, "esc50": 50, "fsd50k": 200},
    **{"gtzan_genre": 10, "gtzan_music_speech": 2, "gunshot": 7, "libricount": 11, "maestro_5h": 88},
    **{"mridangam_stroke": 10, "mridangam_tonic": 6, "nsynth_pitch_50h": 88, "nsynth_pitch_5h": 88},
    **{"speech_commands_5h": 12, "speech_commands_full": 12, "vocal_imitation": 302, "vox_lingua_top10": 10},
}
SEVERAL = ("dcase2016_task2", "fsd50k", "maestro_5h")  # tasks of several labels an item
EVENTS = ("dcase2016_task2", "maestro_5h")
STEPS_A_SECOND = 20  # of timestamps, 50 ms apart
SPLIT = (0.8, 0.1, 0.1)  # of tasks without folds, about
MEMORY = 139 << 30  # bytes of an H200
FREE_BYTES = 64 << 30  # of the host's memory
FILES = 512  # that may be open for what waits, of the usual 1024
SMALL = 1024  # items to train on: one batch
EPOCHS = 240  # of a pack, whose probes are trained for half of them on average
COLUMNS = {
    "tasks": f"all, or those of at most {SMALL} items to train on",
    "way": "",
    "evaluations": "of one model on one task: a grid and the other folds",
    "trainings": "of one or more evaluations at once",
    "packs": "",
    "steps": f"of all packs, {EPOCHS} epochs each",
    "launch_bound": "packs whose step takes an H200 less time than its launches take the host",
    "minutes": f"of the steps by an H200's data sheet, at least {1e3 * LAUNCHES_S:g} ms each; not measured",
    "least_minutes": "the same without launches and padding",
}


@dataclass(frozen=True)
class Size:
    """Something of so many rows and columns, and nothing in it."""

    shape: tuple[int, int]

    def __len__(self) -> int:
        return self.shape[0]


@dataclass(frozen=True)
class Made:
    """The sizes of an evaluation: one model on one task."""

    model: str
    task: str
    grid: list[ProbeConfig]
    folds: tuple[SimpleNamespace, ...]
    splits: dict[str, SimpleNamespace]

    @property
    def count(self) -> int:
        return len(self.grid) + len(self.folds) - 1

    def shapes(self) -> tuple[list[Shape], list[Shape]]:
        """The fits of the grid on the first fold, and those of one configuration on the others."""
        first, *others = self.folds
        return [self._shape(first, config) for config in self.grid], [self._shape(f, self.grid[0]) for f in others]

    def _shape(self, fold: SimpleNamespace, config: ProbeConfig) -> Shape:
        train, valid = fold.train, [fold.valid]
        parts = [[getattr(self.splits[name], of) for name in names] for names in (train, valid) for of in "xy"]
        x, y, valid_x, valid_y = (Size((sum(map(len, part)), part[0].shape[1])) for part in parts)
        key = self.model, self.task, fold.valid
        kind = "multilabel" if self.task in SEVERAL else "multiclass"
        data: list[Any] = [ProbeData(x, y, key=key), ProbeData(valid_x, valid_y, key=key)]
        return pack._shape(Fitting(config, *data, kind, Selection(), lambda _: ({}, None)), "cuda")


def evaluations() -> Iterator[Made]:
    """Every model on every task, in the order of a run."""
    table = task_table().reset_index()
    for model, dim in MODELS.items():
        for row in table.itertuples():
            task: Any = SimpleNamespace(metadata={"task_name": row.key}, evaluation_params={}, folder=Path())
            grid = Protocol.parse("hear2021").configurations(task)
            folders = len(row.hear_folders.split())
            items = int(row.clips) // folders * (round(float(row.clip_s) * STEPS_A_SECOND) if row.key in EVENTS else 1)
            folds = int(row.splits.removesuffix("-fold")) if "fold" in row.splits else 0
            sizes = [items // folds] * folds if folds else [int(share * items) for share in SPLIT]
            names = [str(number) for number in range(len(sizes))]
            splits = {
                name: SimpleNamespace(x=Size((size, dim)), y=Size((size, LABELS[row.key])))
                for name, size in zip(names, sizes, strict=True)
            }
            pairs = zip(names, [*names[1:], names[0]], strict=True) if folds else [(names[2], names[1])]
            every = tuple(
                SimpleNamespace(train=[name for name in names if name not in pair], valid=pair[1]) for pair in pairs
            )
            for number in range(folders):
                yield Made(model, f"{row.key}{number or ''}", grid, every, splits)


def together(made: Sequence[Made]) -> list[list[Made]]:
    """The evaluations of each training, as `ablations.units.waiting` collects them."""
    groups: list[list[Made]] = [[]]
    for one in made:
        files = sum(2 * len(other.splits) for other in groups[-1])  # a lock and a tap of each split
        numbers, weights = (sum(map(size, groups[-1])) for size in (waiting.numbers_read, waiting.weights_bytes))
        if numbers >= waiting.NUMBERS or weights >= waiting.MEMORY_SHARE * FREE_BYTES or files >= FILES:
            groups.append([])
        groups[-1].append(one)
    return groups


def measure(*, track: Track = silent) -> Record:
    """Count the packs and steps of 6 models on the 19 tasks of HEAR under hear2021, before and with units that wait."""
    made = list(evaluations())
    small = [one for one in made if len(one.splits[one.folds[0].train[0]].x) * len(one.folds[0].train) <= SMALL]
    rows = []
    with track("plans", 4) as advance:
        for tasks, chosen in (("all", made), ("small", small)):
            for way, groups in (("unit by unit", [[one] for one in chosen]), ("together", together(chosen))):
                rows.append({"tasks": tasks, "way": way, "evaluations": len(chosen), **counted(groups)})
                advance(1)
    facts = {"models": MODELS, "small_tasks": sorted({one.task for one in small})}
    return Record(
        f"{len(MODELS)} models on {len(LABELS)} tasks of HEAR; a plan, nothing is trained", rows, COLUMNS, facts
    )


def counted(groups: Sequence[Sequence[Made]]) -> dict[str, Any]:
    """The packs of evaluations that are made in groups, and their steps."""
    budget = int(pack.CUDA_SHARE * MEMORY)
    packs: list[list[Shape]] = []
    for group in groups:
        for phase in zip(*(one.shapes() for one in group), strict=True):
            shapes = [shape for shapes in phase for shape in shapes]
            packs += [[shapes[number] for number in numbers] for numbers in packs_of(shapes, budget)]
    steps = [EPOCHS * members[0].steps for members in packs]
    seconds = [_step_seconds(members) for members in packs]
    total = sum(count * max(LAUNCHES_S, each) for count, each in zip(steps, seconds, strict=True))
    bound = sum(each < LAUNCHES_S for each in seconds)
    least = sum(LIVE * EPOCHS * shape.steps * shape.seconds for members in packs for shape in members)
    return {
        "trainings": len(groups),
        "packs": len(packs),
        "steps": sum(steps),
        "launch_bound": bound,
        "minutes": total / 60,
        "least_minutes": least / 60,
    }


def _step_seconds(members: Sequence[Shape]) -> float:
    widest = members[0]
    for member in members:
        widest = widest.padded(member)
    return LIVE * len(members) * widest.seconds


main = command_line(measure, "python -m tests.campaigns.pack_plan")

if __name__ == "__main__":
    main()
