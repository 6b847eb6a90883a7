import contextlib
import os
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from downstream import extract as extraction
from downstream.extract import NotFiniteError, computed_ahead, extract, plan_batches, read_ahead
from downstream.store.store import TapFolder
from downstream.tasks.audio import SplitAudio
from downstream.tasks.task import Task


class Moments:
    """An embedder that needs no network: mean and power of a clip, or of each 50 ms step."""

    name, sample_rate, fingerprint = "moments", 16000, "0" * 16

    def __init__(self):
        self.dims = {"mean": 1, "power": 2}
        self.calls = []

    def _level(self, level, sound):
        return torch.stack([sound.mean()] if level == "mean" else [sound.square().mean(), sound.abs().max()])

    def scene(self, clips, taps):
        self.calls.append(len(clips))
        return {tap: torch.stack([self._level(tap[0], clip) for clip in clips]) for tap in taps}

    def timestamps(self, clips, taps, hop_ms):
        self.calls.append(len(clips))
        hop = 16 * hop_ms
        found = []
        for clip in clips:
            steps = [clip[start : start + hop] for start in range(0, len(clip), hop)]
            values = {tap: torch.stack([self._level(tap[0], step) for step in steps]) for tap in taps}
            found.append((values, torch.arange(len(steps)) * float(hop_ms)))
        return found


MEAN, POWER = ("mean", None), ("power", 160)


@pytest.fixture
def audio(scene_task, tmp_path):
    return SplitAudio.of(Task.from_dir(scene_task(clips=10)), "train", 16000, tmp_path / "store")


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(extraction, "BATCH_CLIPS", 3)


def test_every_clip_gets_its_own_rows(audio, tmp_path):
    folder = TapFolder(tmp_path / "taps")
    embedder = Moments()
    extract(embedder, audio, [MEAN, POWER], None, folder)
    assert max(embedder.calls) <= 3
    index = folder.index()
    for file in audio.files:
        (row,) = index.rows([file])
        clip = audio.load(file)
        assert folder.read(MEAN)[row, 0] == clip.mean()
        assert folder.read(POWER)[row, 1] == clip.abs().max()


def test_timestamps_of_clips_of_different_lengths(audio, tmp_path):
    folder = TapFolder(tmp_path / "taps")
    extract(Moments(), audio, [MEAN], 50, folder)
    index = folder.index()
    rows = index.rows(["train2.wav"])
    assert len(rows) == 8  # 400 ms
    assert index.timestamps[rows].tolist() == [50.0 * step for step in range(8)]
    assert np.allclose(folder.read(MEAN)[rows, 0], audio.load("train2.wav").reshape(8, -1).mean(1), atol=1e-7)


def test_only_missing_taps_are_computed(audio, tmp_path):
    folder = TapFolder(tmp_path / "taps")
    extract(Moments(), audio, [MEAN], None, folder)
    embedder = Moments()
    extract(embedder, audio, [MEAN], None, folder)
    assert embedder.calls == []
    extract(embedder, audio, [MEAN, POWER], None, folder)
    assert sum(embedder.calls) == 10
    assert folder.missing([MEAN, POWER]) == []


class Stopped(Exception):
    pass


def test_a_stopped_extraction_goes_on_without_doing_a_batch_twice(audio, tmp_path):
    class Stopping(Moments):
        def scene(self, clips, taps):
            if len(self.calls) == 2:
                raise Stopped
            return super().scene(clips, taps)

    stopping = Stopping()
    folder, undisturbed = TapFolder(tmp_path / "taps"), TapFolder(tmp_path / "undisturbed")
    with pytest.raises(Stopped) as error:
        extract(stopping, audio, [MEAN, POWER], None, folder)
    assert error.traceback  # holds on to all that was under way
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPool")]
    embedder = Moments()
    extract(embedder, audio, [POWER], None, folder)  # asked for less: what was begun is finished
    assert stopping.calls + embedder.calls == [len(batch) for batch in plan_batches(audio)]
    extract(Moments(), audio, [MEAN, POWER], None, undisturbed)
    for tap in (MEAN, POWER):
        assert np.array_equal(folder.read(tap), undisturbed.read(tap))
    assert folder.index().files == undisturbed.index().files


def test_batches_are_bounded_in_clips_and_seconds(audio, monkeypatch):
    seconds = [[audio.seconds(file) for file in batch] for batch in plan_batches(audio)]
    assert all(len(batch) <= 3 for batch in seconds)
    flat = [length for batch in seconds for length in batch]
    assert flat == sorted(flat, reverse=True)
    batches = plan_batches(audio, seconds_at_once=0.75)
    assert all(sum(map(audio.seconds, batch)) <= 0.75 for batch in batches)
    assert sorted(file for batch in batches for file in batch) == sorted(audio.files)


def test_reading_ahead_keeps_the_order_and_is_bounded():
    read = []

    def load(file):
        read.append(file)
        return torch.tensor([float(file)])

    batches = [[str(10 * i + j) for j in range(3)] for i in range(8)]
    for seen, (batch, clips) in enumerate(read_ahead(load, batches), start=1):
        assert [float(clip) for clip in clips] == [float(file) for file in batch]
        assert len(read) <= 3 * (seen + extraction.BATCHES_AHEAD)


def test_calls_go_on_at_once_and_come_back_in_order():
    together = threading.Barrier(2, timeout=20)

    def embed(clips):
        together.wait()  # two calls have to be in progress for either to end
        return {}, clips, np.zeros(0)

    coming = ((f"batch{i}", [i]) for i in range(6))
    found = [(files, lengths) for files, (_, lengths, _) in computed_ahead(embed, coming, calls=2)]
    assert found == [(f"batch{i}", [i]) for i in range(6)]


def test_a_failing_call_ends_what_was_ahead():
    done = []

    def embed(clips):
        done.append(clips)
        if clips == [1]:
            raise ValueError("clip 1")
        return {}, clips, np.zeros(0)

    with pytest.raises(ValueError, match="clip 1"):
        list(computed_ahead(embed, ((f"batch{i}", [i]) for i in range(100)), calls=1))
    assert len(done) < 5


def test_a_bad_clip_is_named(audio, tmp_path):
    (audio.folder / "train4.wav").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"train4.wav: not readable as audio"):
        extract(Moments(), audio, [MEAN], None, TapFolder(tmp_path / "taps"))


def test_an_embedding_that_is_not_finite_is_named(audio, tmp_path):
    class Broken(Moments):
        def scene(self, clips, taps):
            found = super().scene(clips, taps)
            found[MEAN][-1] = float("nan")
            return found

    first, folder = plan_batches(audio)[0][-1], TapFolder(tmp_path / "taps")
    with pytest.raises(NotFiniteError, match=rf"{first}: its embedding mean is not finite"):
        extract(Broken(), audio, [MEAN, POWER], None, folder)
    extract(Moments(), audio, [POWER], None, folder)  # the other tap is not spoiled by it
    assert folder.missing([MEAN, POWER]) == [MEAN]


def test_a_later_tap_keeps_the_order_of_the_rows(audio, tmp_path, monkeypatch):
    folder = TapFolder(tmp_path / "taps")
    extract(Moments(), audio, [MEAN], None, folder)
    monkeypatch.setattr(SplitAudio, "seconds", lambda self, file: 1.0)  # as if lengths were read in another way
    extract(Moments(), audio, [POWER], None, folder)
    index = folder.index()
    for file in audio.files:
        assert folder.read(POWER)[index.rows([file]), 1] == audio.load(file).abs().max()


def test_more_timestamps_than_the_memory_holds_are_refused_before_they_are_made(audio, tmp_path, monkeypatch):
    monkeypatch.setattr("downstream.disk.memory.SMALL", 0)
    monkeypatch.setattr("downstream.disk.memory.available", lambda: 1000)
    with pytest.raises(ValueError, match=r"\d+ timestamps of \d+ numbers would take .* GB of memory"):
        extraction.check_steps(Moments(), [torch.zeros(Moments.sample_rate)], [MEAN], 1)
    extraction.check_steps(Moments(), [torch.zeros(Moments.sample_rate)], [MEAN], 1000)


def test_batches_of_timestamp_embeddings_are_bounded():
    embedder = Moments()
    assert extraction.seconds_at_once(embedder, {MEAN: 768}, None) == extraction.BATCH_SECONDS
    assert extraction.seconds_at_once(embedder, {MEAN: 768}, 50) == extraction.TIMESTAMP_BATCH_SECONDS
    seconds = extraction.seconds_at_once(embedder, {(f"block{i}", 160): 3 * 768 for i in range(26)}, 10)
    assert seconds * 100 * 26 * 3 * 768 * 4 == pytest.approx(extraction.BATCH_BYTES)


class Quick(Moments):
    """An embedder of a device that a few clips do not keep busy."""

    def seconds_at_once(self, taps, hop_ms):
        return 1000.0 if hop_ms is None else 300.0


def test_batches_are_as_long_as_the_device_asks_for_within_the_memory(monkeypatch):
    embedder, wide = Quick(), {(f"block{i}", 160): 768 for i in range(28)}
    assert extraction.seconds_at_once(embedder, wide, None) == 1000
    assert extraction.seconds_at_once(embedder, {POWER: 768}, 50) == 300
    assert extraction.seconds_at_once(embedder, wide, 50) == pytest.approx(extraction.BATCH_BYTES / (4 * 768 * 28 * 20))
    embedder.sample_rate = 192_000
    clips = extraction.seconds_at_once(embedder, {POWER: 768}, None) * 192_000 * torch.float32.itemsize
    assert clips == pytest.approx(extraction.BATCH_BYTES)


def test_the_number_of_clips_is_bounded_where_a_device_asks_for_much(monkeypatch):
    monkeypatch.setattr(extraction, "DEVICE_BATCH_CLIPS", 40)
    audio = SimpleNamespace(files=[f"{number}.wav" for number in range(100)], seconds=lambda _: 1.0)
    for seconds, longest in ((60.0, 3), (240.0, 3), (300.0, 40)):
        assert max(map(len, plan_batches(audio, None, seconds))) == longest


def test_rows_do_not_depend_on_the_size_of_batches(audio, tmp_path):
    for embedder in (Moments(), Quick()):
        extract(embedder, audio, [MEAN, POWER], None, TapFolder(tmp_path / type(embedder).__name__))
    usual, quick = (TapFolder(tmp_path / name) for name in ("Moments", "Quick"))
    assert embedder.calls == [10]
    for tap in (MEAN, POWER):
        assert np.array_equal(usual.read(tap), quick.read(tap))
    assert usual.index().files == quick.index().files


@pytest.mark.parametrize(("cores", "readers"), [(1, 4), (8, 8), (100, 16)])
def test_there_are_readers_for_the_cores_of_this_process(monkeypatch, cores, readers):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    reading = threading.Barrier(readers, timeout=20)
    for _ in read_ahead(lambda _: reading.wait(), [["x.wav"] * readers]):
        pass


def test_a_signal_keeps_what_is_finished_before_it_waits_for_calls(audio, tmp_path):
    """A stopped command has ten seconds; a call that is under way may take longer."""
    folder, release = TapFolder(tmp_path / "taps"), threading.Event()
    kept = []

    class Slow(Moments):
        def scene(self, clips, taps):
            if self.calls:
                release.wait(timeout=20)
                kept.extend(folder.path.glob(".partial-*/journal.jsonl"))
            return super().scene(clips, taps)

    class Bar:
        def __call__(self, description, total):
            return contextlib.nullcontext(self.advance)

        def advance(self, count):
            if count:
                threading.Timer(0.5, release.set).start()
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(Slow(), audio, [MEAN], None, folder, Bar())
    assert len(kept) == 1
