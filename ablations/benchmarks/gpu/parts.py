"""The parts of `ablate benchmark gpu`, as data: what each measures, and how many seconds it may take.

The most valuable parts come first, and so do the steps of a part: a run that is cut has what matters most.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Step:
    """One measurement.

    Attributes:
        name: in the part's file and on the page.
        function: "module:function", imported when the step begins. It gives a Record, or yields records of which each
            replaces the one before. It gets `device`, and `peer` or `kit` if its options name them.
        options: keyword arguments.
        rehearsal: keyword arguments that replace some of them in a rehearsal; None leaves the step out of it, because
            another one is like it.
        columns: the columns that the page shows; none are all.
    """

    name: str
    function: str
    options: Mapping[str, Any] = field(default_factory=dict)
    rehearsal: Mapping[str, Any] | None = field(default_factory=dict)
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """Steps that share a process.

    Attributes:
        name: of its file.
        title: its heading on the page.
        seconds: that it may take; what it leaves goes to the parts behind it.
        steps: in the order of their value.
    """

    name: str
    title: str
    seconds: int
    steps: tuple[Step, ...]


CAMPAIGNS = "tests.campaigns"  # in a checkout only, as the tests are
HERE = "ablations.benchmarks.gpu.steps"
SPEED = ("precision", "embedding", "levels", "clips_per_s", "times_real_time", "share", "times_peer", "peak_mb")
MODEL = ("model", "precision", "clips_per_s", "gmacs_10s", "share", "timestamp_seconds", "peak_mb", "times_original")
BASE = "passt_s_swa_p16_128_ap476"
PEER = {"peer": None, "precisions": ("fp32", "bf16")}
TINY = {"checkpoint": "passt_demo", "clips": 1, "timestamp_clips": (1, 1)}
VALIDATION = ("task", "items", "labels", "score_seconds", "validation_seconds")
PACK = ("hidden_layers", "way", "probes", "ms_per_fit_epoch", "fit_epochs_per_s", "share", "times_trainer")
TABLE_2 = ("hop_ms", "quantity", "value", "published", "batch", "steps")


def _embeddings(name: str, rehearsal: Mapping[str, Any] | None, **options: Any) -> Step:
    small = None if rehearsal is None else {**TINY, **rehearsal}
    return Step(name, "ablations.benchmarks.embeddings:measure", options, small, SPEED)


def _models(*names: str, rehearsal: tuple[str, ...] | None) -> Step:
    small = None if rehearsal is None else {"names": rehearsal}
    return Step(" and ".join(names), f"{HERE}.untrained:measure", {"names": names}, small, MODEL)


def _study(kind: str, clips: int, seconds: float, rehearsal: Mapping[str, Any]) -> Step:
    small = {"checkpoint": "passt_demo", "precision": "fp32", **rehearsal}
    return Step(kind, f"{HERE}.study:measure", {"kind": kind, "clips": clips, "seconds": seconds}, small)


def _sweep(title: str, name: str) -> Step:
    small = {"clips": 1, "most": 1} if name in ("tokens", "crepe") else None
    return Step(title, f"{HERE}.sweeps:measure", {"name": name}, small)


def _training(hop_ms: int, precision: str) -> Step:
    options = {"hops": (hop_ms,), "precision": precision, "repeats": 5, "seconds_limit": 8.0}
    small = {"batch": 1, "repeats": 1, "precision": "fp32"} if (hop_ms, precision) == (10, "bf16") else None
    return Step(
        f"STFT hop {hop_ms} ms, {precision}", "ablations.benchmarks.complexity:measure", options, small, TABLE_2
    )


PARTS = (
    Part(
        "device",
        "The device",
        25,
        (
            Step("device and versions", f"{HERE}.device:facts"),
            Step("matrix products", f"{HERE}.device:products"),
            Step("launches and waits", f"{HERE}.device:launches"),
            Step("copies", f"{HERE}.device:copies", {"megabytes": 256}, {"megabytes": 1}),
            Step("disk", f"{HERE}.device:disk"),
        ),
    ),
    Part(
        "tests",
        "Tests that need a GPU",
        90,
        (Step("pytest -m gpu", f"{HERE}.marked_tests:measure", {}, {"most": 1}, ("test", "outcome", "message")),),
    ),
    Part(
        "accuracy",
        "Embeddings beside those of the CPU in fp32",
        30,
        (
            Step(
                "PaSST",
                f"{HERE}.accuracy:measure",
                {"names": ("passt_demo", BASE), "all_levels": True},
                {"names": ("passt_demo",), "seconds": 1.0},
            ),
            Step(
                "baselines",
                f"{HERE}.accuracy:measure",
                {"names": ("cnn_demo", "cnn14", "mn10_as", "logmel"), "all_levels": False},
                {"names": ("cnn_demo", "logmel"), "seconds": 1.0},
            ),
        ),
    ),
    Part(
        "embeddings",
        "PaSST embeddings",
        60,
        (
            _embeddings("every precision", {}),
            Step(
                "beside hear21passt",
                f"{HERE}.beside:passt",
                {"peer": None, "precisions": ("fp32", "bf16")},
                TINY,
                SPEED,
            ),
        ),
    ),
    Part(
        "probes",
        "Probes",
        55,
        (
            Step(
                "packs, and one probe at a time",
                "ablations.benchmarks.probes:measure",
                rehearsal={"packs": (1, 2)},
                columns=PACK,
            ),
            Step("the protocol at ESC-10's size", f"{HERE}.protocol:small", {"clips": 400}, {"clips": 50}),
            Step(
                "the protocol at FSD50K's size",
                f"{HERE}.protocol:large",
                {"clips": 51_185},
                {"clips": 250},
            ),
            Step("CUDA graphs", f"{HERE}.switches:graphs", {"sizes": (8, 64, 256)}, {"sizes": (1,)}),
            Step("beside hear-eval-kit", f"{HERE}.beside:kit", {"kit": None}, {"clips": 50}),
            Step("kernels of a pack", f"{HERE}.kernels:probes", {"probes": 64}, {"probes": 2}),
        ),
    ),
    Part(
        "study",
        "A study from files to scores",
        50,
        (
            _study("scenes", clips=2000, seconds=4.0, rehearsal={"clips": 9, "seconds": 1.0}),
            _study("events", clips=15, seconds=60.0, rehearsal={"clips": 5, "seconds": 2.0}),
        ),
    ),
    Part(
        "training",
        "Training with Patchout",
        45,
        (*(_training(hop_ms, "bf16") for hop_ms in (10, 5, 3)), _training(10, "fp32")),
    ),
    Part(
        "compiled",
        "torch.compile",
        50,
        (
            _embeddings("PaSST embeddings, bf16", {"precisions": ("fp32",)}, precisions=("bf16",), compiled=True),
            Step("probes", f"{HERE}.switches:fused", {"sizes": (256,)}, {"sizes": (1,)}),
            _embeddings("PaSST embeddings, fp32", None, precisions=("fp32",), compiled=True),
        ),
    ),
    Part(
        "models",
        "Other models",
        40,
        (
            _models("cnn14", "mn10_as", rehearsal=("mn01_as",)),
            _models("crepe_full", "crepe_tiny", rehearsal=("crepe_tiny",)),
            _models("mn40_as", "logmel", rehearsal=("logmel",)),
        ),
    ),
    Part(
        "hops",
        "Finer time resolutions",
        25,
        (
            _models("stfthop160", rehearsal=("passt_demo_hop160",)),
            _models("stfthop100", rehearsal=None),
        ),
    ),
    Part(
        "scoring",
        "Scoring",
        15,
        (
            Step(
                "validations",
                f"{CAMPAIGNS}.validation_cost:measure",
                {},
                {"tasks": ("dcase2016_task2", "maestro")},
                VALIDATION,
            ),
        ),
    ),
    Part(
        "sweeps",
        "Sizes of batches",
        40,
        (
            _sweep("tokens at once", "tokens"),
            _sweep("seconds of sound in a batch", "seconds"),
            _sweep("frames at once of CREPE", "crepe"),
            _sweep("frames at once of MobileNets", "mobilenet"),
        ),
    ),
)
"""Every part, the most valuable first. Their seconds are less than nine minutes together."""

REHEARSAL = {
    "ablations.system.machine:PRODUCT_REPEATS": 1,
    "ablations.system.machine:TOKENS": {"cpu": 64, "cuda": 64},
    "ablations.benchmarks.embeddings:SCENE_S": 1,
    "ablations.benchmarks.embeddings:REPEATS": 1,
    "ablations.benchmarks.models:SCENE_S": 1,
    "ablations.benchmarks.models:TIMESTAMP_S": 1,
    "ablations.benchmarks.models:CLIPS": {"cpu": 1, "cuda": 1},
    "ablations.benchmarks.models:REPEATS": 1,
    "ablations.benchmarks.probes:ITEMS": 24,
    "ablations.benchmarks.probes:EPOCHS": 3,
    "ablations.benchmarks.probes:REPEATS": 1,
    "ablations.benchmarks.complexity:CHECKPOINTS": {10: "passt_demo"},
    "ablations.benchmarks.gpu.steps.device:SQUARE": 64,
    "ablations.benchmarks.gpu.steps.protocol:MAX_EPOCHS": 3,
    "ablations.benchmarks.gpu.steps.study:EPOCHS": 3,
    "ablations.benchmarks.gpu.steps.study:LEVELS": [["block1"]],
    "ablations.benchmarks.gpu.steps.sweeps:SCENE_S": 1,
    "ablations.benchmarks.gpu.steps.sweeps:REHEARSED": {
        "passt_s_swa_p16_128_ap476": "passt_demo",
        "crepe_full": "crepe_tiny",
    },
}
"""Constants of a rehearsal, beside the options of its steps: "module:name" -> value."""


def named(name: str) -> Part:
    """Return the part of a name."""
    return next(part for part in PARTS if part.name == name)
