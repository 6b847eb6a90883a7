"""Taps of bfloat16: tokens, which whoever reads them gets as float32."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from downstream.extract import clips_at_once, extract
from downstream.probes.features import MappedFeatures
from downstream.store.check import faults
from downstream.store.extraction import Extraction
from downstream.store.inventory import entries
from downstream.store.number_format import BFLOAT16, FLOAT32, format_of, widened
from downstream.store.store import TapFolder
from downstream.store.unfinished import unfinished
from downstream.tasks.audio import SplitAudio
from downstream.tasks.task import Task
from tests.downstream.stores import flip

TOKENS, PLAIN = ("block1.tokens", 160), ("features", 160)
DIMS = {TOKENS: 6, PLAIN: 3}
FORMATS = {TOKENS: BFLOAT16, PLAIN: FLOAT32}
BATCHES = [["x.wav", "y.wav"], ["z.wav"]]
ROWS = 7


def values(tap):
    return np.random.default_rng(DIMS[tap]).standard_normal((ROWS, DIMS[tap]), dtype=np.float32)


def rounded(array):
    return torch.from_numpy(array).to(torch.bfloat16).float().numpy()


def append(extraction, batch):
    rows = slice(0, 3) if batch == 0 else slice(3, ROWS)
    lengths = [2, 1] if batch == 0 else [4]
    extraction.append({tap: values(tap)[rows] for tap in DIMS}, lengths, np.arange(sum(lengths)) * 50.0)


@pytest.fixture
def folder(tmp_path):
    return TapFolder(tmp_path / ("a" * 16) / ("b" * 16) / "train" / "t50")


@pytest.fixture
def written(folder):
    with Extraction.begin(folder, DIMS, BATCHES, {"embedder": "narrow", "clips": "beeps/train"}, FORMATS) as extraction:
        append(extraction, 0)
        append(extraction, 1)
        extraction.finish()
    return folder


def test_rounding_is_torchs_for_every_upper_half():
    upper = np.arange(1 << 16, dtype=np.uint32) << 16
    lower = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], dtype=np.uint32)
    numbers = (upper[:, None] | lower).view(np.float32)  # ties and their neighbors, subnormals, infinities, NaN
    wanted = torch.from_numpy(numbers).to(torch.bfloat16)
    found = BFLOAT16.encoded(numbers)
    assert (found.dtype, found.shape) == (np.dtype("<u2"), numbers.shape)
    assert np.array_equal(found.view(np.int16), wanted.view(torch.int16).numpy())
    assert np.array_equal(widened(found), wanted.float().numpy(), equal_nan=True)


def test_a_tap_of_tokens_reads_as_float32(written):
    assert np.load(written.file(TOKENS)).dtype == np.uint16
    rows, wanted = written.read(TOKENS), rounded(values(TOKENS))
    assert (rows.shape, rows.dtype, rows.ndim, len(rows)) == ((ROWS, 6), np.float32, 2, ROWS)
    for items in (slice(2, 5), np.array([6, 0, 3]), 4, (slice(None), 2)):
        assert np.array_equal(rows[items], wanted[items])
        assert rows[items].dtype == np.float32
    assert np.array_equal(np.asarray(rows), wanted)
    beside = MappedFeatures([rows, written.read(PLAIN)], np.array([1, 2, 3]))
    assert beside.shape == (3, 9)
    assert np.array_equal(beside[:], np.concatenate([wanted, values(PLAIN)], axis=1)[1:4])


def test_a_tap_of_float32_is_what_it_was(written):
    """Its file and the record of it name no format, so that earlier versions read them."""
    assert np.array_equal(np.load(written.file(PLAIN)), values(PLAIN))
    record = json.loads(written.file(PLAIN).with_suffix(".json").read_text())
    assert {"rows", "dim", "data", "index", "about"} <= set(record)
    assert "dtype" not in record
    assert json.loads(written.file(TOKENS).with_suffix(".json").read_text())["dtype"] == "bf16"


def test_a_store_lists_and_checks_tokens(written, tmp_path):
    assert list(faults(tmp_path, full=True)) == []
    (entry,) = entries(tmp_path)
    assert (entry.state, dict(zip(entry.taps, entry.dims, strict=True))) == (
        "complete",
        {"block1.tokens@160": 6, "features@160": 3},
    )
    flip(written.file(TOKENS), -1)
    (fault,) = faults(tmp_path, full=True)
    assert "block1.tokens@160.npy: its rows are" in fault.text
    assert written.missing([TOKENS, PLAIN], full=True) == [TOKENS]


def test_a_file_of_another_type_than_its_record_says_is_a_fault(written):
    np.save(written.file(TOKENS), rounded(values(TOKENS)))
    with pytest.raises(ValueError, match=r"float32 \(7, 6\), expected uint16 \(7, 6\), as was written"):
        written.read(TOKENS)


def test_an_extraction_that_was_stopped_goes_on_in_its_formats(folder):
    with Extraction.begin(folder, DIMS, BATCHES, formats=FORMATS) as extraction:
        append(extraction, 0)
    (again,) = unfinished(folder)
    assert again.formats == FORMATS
    assert again.part(TOKENS).stat().st_size == 128 + 2 * 3 * 6
    with again:
        append(again, 1)
        again.finish()
    assert np.array_equal(folder.read(TOKENS)[:], rounded(values(TOKENS)))
    assert np.array_equal(folder.read(PLAIN), values(PLAIN))


class Keeping:
    """An embedder whose clips have two tokens of width 3, the first samples of a clip."""

    name, sample_rate, fingerprint, dims = "keeping", 16000, "d" * 16, {"block1.tokens": 3}

    def tokens(self, tap):
        return 2

    def scene(self, clips, taps):
        return {tap: torch.stack([clip[:6] for clip in clips]) for tap in taps}


def test_extraction_keeps_the_tokens_that_an_embedder_has(scene_task, tmp_path):
    audio = SplitAudio.of(Task.from_dir(scene_task(clips=4)), "train", 16000, tmp_path / "store")
    folder = TapFolder(tmp_path / "taps")
    extract(Keeping(), audio, [TOKENS], None, folder)
    rows = folder.read(TOKENS)
    for file in audio.files:
        (row,) = folder.index().rows([file])
        assert np.array_equal(rows[row], audio.load(file)[:6].to(torch.bfloat16).float().numpy())


def test_a_level_is_of_tokens_if_its_embedder_counts_them():
    """A model of one's own may have called a level so before there were tokens."""
    assert format_of(Keeping(), TOKENS) is BFLOAT16
    assert format_of(Keeping(), PLAIN) is FLOAT32
    assert format_of(SimpleNamespace(dims={"block1.tokens": 3}), TOKENS) is FLOAT32


def test_clips_that_share_a_batch_are_fewer_where_tokens_are_many():
    assert clips_at_once(Keeping(), {TOKENS: 96 * 768, PLAIN: 768}, None) == int(256e6 / (4 * 96 * 768))
    assert clips_at_once(Keeping(), {PLAIN: 10**6}, None) == clips_at_once(Keeping(), {TOKENS: 10**6}, 50) == 2048
