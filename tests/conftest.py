"""Shared fixtures: task folders made for a test, with short synthetic sound."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import settings

from passt.fetch import transfer
from tests.pretended_cuda import process
from tests.pretended_cuda.device import Device, present
from tests.reference_values import SHARED

settings.register_profile("repository", deadline=None, derandomize=True)  # shared machines are slow at times
settings.load_profile("repository")

RATE = 16000  # Hz, of the folders made here


def pytest_collection_modifyitems(items):
    """Tests marked `slow` run where $ABLATE_SLOW is set."""
    if "ABLATE_SLOW" not in os.environ:
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="takes long; run where $ABLATE_SLOW is set"))
    process.mark_skipped(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    """Tests that need a GPU run in a process that has a pretended one, where there is none."""
    return process.run(item, nextitem) or None


def pytest_sessionfinish(session):
    """The process with the pretended device ends with this one."""
    process.finish(session)


@pytest.fixture(autouse=True, scope="session")
def _one_thread_each():
    """Two workers share the machine."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch, tmp_path):
    for name in ("PASST_WEIGHTS", "ABLATE_STORE", "HEAR_TASKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PASST_OFFLINE", "1")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Larger reference material that is not part of the repository; tests that want it skip without it."""
    if not SHARED.is_dir():
        pytest.skip(f"no reference material at {SHARED}")
    return SHARED


@pytest.fixture
def _float64_by_default():
    """torch's default dtype is float64 during the test."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def pretended_cuda() -> Device:
    """The pretended CUDA device, which torch knows as "cuda". Its tests run in a process of their own."""
    return present()


@pytest.fixture
def cuda() -> str:
    """A CUDA device: a real one, or the pretended one in a process of its own (`tests.pretended_cuda.process`)."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")
    return "cuda"


def tone(frequency: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def write_clip(path: Path, sound: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, subtype="PCM_16")


def metadata(**changes) -> dict:
    return {
        "task_name": "made",
        "version": "1",
        "embedding_type": "scene",
        "prediction_type": "multiclass",
        "split_mode": "trainvaltest",
        "sample_duration": 0.4,
        "evaluation": ["top1_acc"],
        "splits": ["train", "valid", "test"],
        "evaluation_params": {"task_specific_param_grid": {"max_epochs": [4], "check_val_every_n_epoch": [1]}},
        **changes,
    }


def write_task(folder: Path, meta: Mapping, labels: list[str], items: Mapping[str, Mapping]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "task_metadata.json").write_text(json.dumps(meta))
    rows = "".join(f"{index},{label}\n" for index, label in enumerate(labels))
    (folder / "labelvocabulary.csv").write_text("idx,label\n" + rows)
    for split, files in items.items():
        (folder / f"{split}.json").write_text(json.dumps(files))
    return folder


def write_tones(folder: Path, clips: int = 6, **changes) -> Path:
    """A scene task: low and high tones of different lengths, a few a split."""
    meta, items = metadata(**changes), {}
    for number, split in enumerate(meta["splits"]):
        items[split] = {f"{split}{i}.wav": [("low", "high")[i % 2]] for i in range(clips)}
        for i, file in enumerate(items[split]):
            frequency = (300, 1500)[i % 2] * (1 + 0.03 * i + 0.01 * number)
            write_clip(folder / str(RATE) / split / file, tone(frequency, 0.3 + 0.05 * (i % 3)))
    return write_task(folder, meta, ["low", "high"], items)


def write_pitches(folder: Path, clips: int = 12, **changes) -> Path:
    """A regression task: the pitch of tones in semitones above 200 Hz, a few a split."""
    changes = {"prediction_type": "regression", "evaluation": ["r2", "pearson"], **changes}
    meta, items = metadata(**changes), {}
    for number, split in enumerate(meta["splits"]):
        drawn = np.random.default_rng(number).uniform(0, 36, clips).round(2).tolist()
        items[split] = {f"{split}{i}.wav": [pitch] for i, pitch in enumerate(drawn)}
        for file, (pitch,) in items[split].items():
            write_clip(folder / str(RATE) / split / file, tone(200 * 2 ** (pitch / 12), 0.4))
    return write_task(folder, meta, ["target"], items)


def write_beeps(folder: Path, clips: int = 3, **changes) -> Path:
    """An event task: two beeps a clip, in silence with a little noise."""
    changes = {"embedding_type": "event", "prediction_type": "multilabel", **changes}
    meta = metadata(**{"evaluation": ["event_onset_200ms_fms", "segment_1s_er"], **changes})
    items = {}
    for number, split in enumerate(meta["splits"]):
        items[split] = {}
        for i in range(clips):
            sound = np.random.default_rng(10 * number + i).normal(0, 0.001, int(2.0 * RATE))
            events = []
            for label, frequency, start in (("low", 300, 0.2 + 0.1 * i), ("high", 1500, 1.2 - 0.1 * i)):
                first = int(start * RATE)
                sound[first : first + RATE // 2] += tone(frequency, 0.5)
                events.append({"label": label, "start": 1000 * start, "end": 1000 * start + 500})
            items[split][f"{split}{i}.wav"] = events
            write_clip(folder / str(RATE) / split / f"{split}{i}.wav", sound)
    return write_task(folder, meta, ["low", "high"], items)


@pytest.fixture
def scene_task(tmp_path) -> Callable[..., Path]:
    """Makes a scene task of a name: `write_tones`."""
    return lambda name="tones", **changes: write_tones(tmp_path / name, **changes)


@pytest.fixture
def pitch_task(tmp_path) -> Callable[..., Path]:
    """Call with changes to the metadata; returns the folder of a regression task of `write_pitches`."""
    return lambda **changes: write_pitches(tmp_path / "pitches", **changes)


@pytest.fixture
def event_task(tmp_path) -> Callable[..., Path]:
    """Makes an event task of a name: `write_beeps`."""
    return lambda name="beeps", **changes: write_beeps(tmp_path / name, **changes)


def run_environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a command that a test starts."""
    return {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1", "PASST_OFFLINE": "1"}


@pytest.fixture
def soon_and_directly(monkeypatch):
    """Servers on this machine are asked without a proxy, and asked again at once."""
    monkeypatch.setattr(transfer, "BACKOFF_S", 0.001)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("PASST_OFFLINE", raising=False)
