"""Attacks on the store: changed, exchanged and lost files, links, files of dead processes, an empty variable."""

import json
import os
import shutil
import signal
from typing import Any

import numpy as np

from downstream.tasks.clip_cache import AUDIO, HASHES
from tests.campaigns.attacks.place import Place


def prune_with_nothing_to_remove(place: Place) -> None:
    """It is not an error if nothing can be removed."""
    assert place.ablate("store", "prune", "--older-than", "30d", "--store", place.store).kind == "taken"


def list_of_a_store_with_a_faulty_folder(place: Place) -> None:
    """A folder with a truncated index is listed as faulty."""
    index = next(place.store.rglob("index.npz"))
    os.truncate(index, 100)
    assert "faulty" in place.ablate("store", "ls", "--store", place.store).output


def resampled_clips_changed(place: Place) -> None:
    """The check names changed clips; a run resamples them, and scores stay the same."""
    for path in (place.store / AUDIO).glob("*.npy"):
        content = bytearray(path.read_bytes())
        content[200::3] = bytes(len(content[200::3]))
        path.write_bytes(content)
    for folder in place.store.glob("?" * 16):
        shutil.rmtree(folder)
    assert "faults (" in place.check().output
    assert place.expect_no_other_scores().kind == "taken"


def tap_and_record_of_another_fold(place: Place) -> None:
    """The check names a tap and record that another fold has; a run computes them again."""
    for one, other in zip(place.taps("fold00"), place.taps("fold01"), strict=True):
        for path, second in ((one, other), (one.with_suffix(".json"), other.with_suffix(".json"))):
            contents = path.read_bytes(), second.read_bytes()
            path.write_bytes(contents[1])
            second.write_bytes(contents[0])
    assert "faults (" in place.check().output
    place.expect_no_other_scores()


def record_of_a_tap_absent(place: Place) -> None:
    """A tap without its record is incomplete."""
    tap = next(place.taps("fold00"))
    tap.with_suffix(".json").unlink()
    rows = np.load(tap, mmap_mode="r+")
    rows[::2] *= -7
    rows.flush()
    assert "faults (" in place.check().output
    place.expect_no_other_scores()


def index_absent(place: Place) -> None:
    """The check names taps without an index, with the remedy; a run computes them again."""
    next(place.store.rglob("index.npz")).unlink()
    assert "index.npz" in place.check().output
    place.expect_no_other_scores()


def hashes_damaged(place: Place) -> None:
    """The check names changed content hashes; a run hashes the clips again."""
    for path in (place.store / HASHES).glob("*.json"):
        path.write_text(json.dumps({"0.wav": 7, "1.wav": [1]}))
    assert "faults (" in place.check().output
    assert place.expect_no_other_scores().kind == "taken"


def temporary_files_of_a_killed_run(place: Place) -> None:
    """The next run, or the check, removes the half-written files of a killed process."""
    replace = os.replace

    def killed(source: Any, target: Any, **options: Any) -> None:
        if f"/{AUDIO}/" in str(target):
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target, **options)

    place.run(place.study(), before=lambda: setattr(os, "replace", killed), ends=("crash",))
    assert list(place.folder.rglob(".*.tmp")), "nothing was left half written"
    place.run(place.study())
    place.check()
    assert not list(place.folder.rglob(".*.tmp"))


def variable_of_the_store_empty(place: Place) -> None:
    """An empty $ABLATE_STORE counts as unset: the store is in the cache, not in the current folder."""
    here = place.folder / "here"
    here.mkdir()

    def go_there() -> None:
        os.chdir(here)
        os.environ.update(ABLATE_STORE="", XDG_CACHE_HOME=str(place.folder / "cache"))

    place.ablate("run", place.study(), "--runs", place.folder / "runs", before=go_there)
    assert not list(here.iterdir())
    assert list((place.folder / "cache").rglob("*.npy"))


def prune_behind_a_link(place: Place) -> None:
    """Files outside the store are never removed, even if the store links to them."""
    outside = place.folder / "outside" / ("b" * 16) / "fold" / "scene" / "x.npy"
    outside.parent.mkdir(parents=True)
    outside.write_text("precious")
    (place.store / ("a" * 16)).symlink_to(place.folder / "outside")
    place.ablate("store", "prune", "--keep", "0", "--store", place.store)
    assert outside.is_file()


CASES = (
    prune_with_nothing_to_remove,
    list_of_a_store_with_a_faulty_folder,
    resampled_clips_changed,
    tap_and_record_of_another_fold,
    record_of_a_tap_absent,
    index_absent,
    hashes_damaged,
    temporary_files_of_a_killed_run,
    variable_of_the_store_empty,
    prune_behind_a_link,
)
