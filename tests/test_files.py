"""Temporary files: whose they are, and when they are removed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ablations.tasks.names import default_folder
from downstream.disk import files
from downstream.disk.files import cache_folder, expanded, sweep, temporary_beside, write_atomically, write_json
from downstream.store.store import default_root
from passt.fetch.files import write_text
from passt.weights.published import folder as weights_folder
from results.rows.files import replacing

KILLED = """
import os, signal
from pathlib import Path
from downstream.disk.files import write_atomically
from passt.fetch.files import write_whole
from results.rows.files import replacing
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
os.replace = die
Path.replace = die
{call}
"""
CALLS = {
    "downstream": "write_atomically(Path({path!r}), lambda file: file.write(b'half'))",
    "passt": "write_whole(Path({path!r}), lambda part: part.write_text('half'))",
    "results": "with replacing(Path({path!r})) as file: file.write('half')",
}


def killed(path: Path, package: str) -> None:
    """A process that dies before it renames."""
    call = CALLS[package].format(path=str(path))
    process = subprocess.run(
        [sys.executable, "-c", KILLED.format(call=call)], cwd=Path(__file__).parents[1], check=False
    )
    assert process.returncode < 0
    assert [file.suffix for file in path.parent.iterdir()] == [".tmp"]


@pytest.mark.parametrize("package", CALLS)
def test_what_a_killed_process_left_is_swept(tmp_path, package):
    killed(tmp_path / "a.json", package)
    if package == "passt":
        write_text(tmp_path / "b.json", "whole")
    else:
        write_json(tmp_path / "b.json", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def test_what_a_living_process_writes_stays(tmp_path):
    own = temporary_beside(tmp_path / "a")
    own.touch()
    elsewhere = tmp_path / ".00000000-1-00000000.tmp"  # a process of another machine
    elsewhere.touch()
    earlier = tmp_path / f".rows.csv.{'0' * 32}.tmp"  # as earlier versions called them
    earlier.touch()
    foreign = tmp_path / ".not-ours.tmp"
    foreign.touch()
    assert sweep(tmp_path) == 0
    for path in (elsewhere, earlier, foreign):
        os.utime(path, (time.time() - 2 * files.ABANDONED_S,) * 2)
    assert sweep(tmp_path) == 2
    assert sorted(tmp_path.iterdir()) == sorted([own, foreign])


def test_links_are_not_followed(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir()
    folder.mkdir()
    precious = outside / f".rows.csv.{'0' * 32}.tmp"
    precious.touch()
    os.utime(precious, (0, 0))
    (folder / "link").symlink_to(outside)
    assert sweep(folder, below=True) == 0
    assert precious.exists()


@pytest.mark.parametrize("binary", [False, True])
def test_a_file_stays_as_it_was_if_writing_fails(tmp_path, binary):
    path = tmp_path / "table.md"
    path.write_text("before")

    def write():
        with replacing(path, binary=binary) as file:
            file.write(b"half" if binary else "half")
            raise OSError(27, "File too large")

    with pytest.raises(OSError, match=r"Errno 27.*table.md"):
        write()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unknown_home_is_named(monkeypatch):
    with pytest.raises(ValueError, match="~nosuchuser/x: no home of that user"):
        expanded("~nosuchuser/x")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache_folder() == Path("/home/somebody/.cache/embedding-ablations")


def test_a_long_name_can_be_written(tmp_path):
    path = tmp_path / f"{'n' * 250}.npy"
    write_atomically(path, lambda file: file.write(b"1"))
    assert path.read_bytes() == b"1"


@pytest.mark.parametrize(
    ("variable", "folder", "name"),
    [("ABLATE_STORE", default_root, "store"), ("PASST_WEIGHTS", weights_folder, "weights")],
)
def test_an_empty_variable_is_none(monkeypatch, tmp_path, variable, folder, name):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(variable, "")
    assert folder() == tmp_path / "embedding-ablations" / name
    monkeypatch.setenv(variable, "~/here")
    assert folder() == Path.home() / "here"


def test_an_empty_folder_of_tasks_is_the_default(monkeypatch):
    monkeypatch.setenv("HEAR_TASKS", "")
    assert default_folder() == Path("tasks")
