"""An embedder with a look-ahead: what it computes, where its embeddings are kept, and who has none."""

import pickle
from types import SimpleNamespace

import pytest
import torch

from downstream.embedder import dims_of, keeps_tokens, optional, widths
from downstream.lookahead import looking_ahead, reason_against_lookahead
from downstream.store.inventory import entries, tap_folders
from downstream.store.store import TapFolder, tap_folder


class Windowed:
    """Says what it was asked for."""

    name, sample_rate, fingerprint, dims, calls_at_once, timestamp_dims = "windowed", 16000, "a" * 16, {"x": 1}, 2, None

    def tokens(self, tap):
        return 3

    def scene(self, clips, taps):
        return {tap: torch.zeros(len(clips), 1) for tap in taps}

    def timestamps(self, clips, taps, hop_ms, lookahead_ms=None):
        asked = float("nan") if lookahead_ms is None else float(lookahead_ms)
        return [({tap: torch.tensor([[asked]]) for tap in taps}, torch.zeros(1)) for _ in clips]


class Centered(Windowed):
    def timestamps(self, clips, taps, hop_ms):
        return []


TAP = ("x", 160)


@pytest.mark.parametrize("lookahead_ms", [0, 80])
def test_timestamps_are_asked_for_with_it_and_all_else_is_the_embedders(lookahead_ms):
    embedder = Windowed()
    ahead = looking_ahead(embedder, lookahead_ms)
    ((values, _),) = ahead.timestamps([torch.zeros(10)], [TAP], 50)
    assert values[TAP].item() == lookahead_ms
    assert optional(ahead).lookahead_ms == lookahead_ms
    for name in ("name", "sample_rate", "fingerprint", "dims", "calls_at_once"):
        assert getattr(ahead, name) == getattr(embedder, name)
    assert keeps_tokens(ahead, ("x.tokens", 160))
    assert widths(ahead, [TAP], 50) == {TAP: 3}
    assert dims_of(ahead, timed=True) == embedder.dims
    assert ahead.scene([torch.zeros(10)], [TAP])[TAP].shape == (1, 1)
    assert not hasattr(ahead, "labels")
    assert pickle.loads(pickle.dumps(ahead)).lookahead_ms == lookahead_ms


def test_none_is_the_embedder_itself():
    for embedder in (Windowed(), Centered()):
        assert looking_ahead(embedder, None) is embedder
        assert optional(embedder).lookahead_ms is None


def test_an_embedder_whose_timestamps_take_none_is_named():
    with pytest.raises(ValueError, match="windowed: it knows no look-ahead, expected lookahead_ms None, got 0"):
        looking_ahead(Centered(), 0)
    assert reason_against_lookahead(Windowed(), 0) == ""
    assert reason_against_lookahead(Centered(), None) == ""
    assert reason_against_lookahead(SimpleNamespace(timestamps=lambda clips, taps, hop_ms: []), 5)


def test_the_store_has_folders_for_it(tmp_path):
    embedder, audio = "a" * 16, "b" * 16
    kinds = {
        (50, None): "t50",
        (50, 0): "t50ahead0",
        (50, 80): "t50ahead80",
        (0, None): "town",
        (None, None): "scene",
        (None, 80): "scene",
    }
    for times, kind in kinds.items():
        folder = tap_folder(tmp_path, embedder, audio, "train", *times)
        assert folder == TapFolder(tmp_path / embedder / audio / "train" / kind)
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.file(TAP).touch()
    assert {folder.path.name for folder in tap_folders(tmp_path)} == set(kinds.values())
    assert {entry.kind for entry in entries(tmp_path)} == set(kinds.values())
