"""How much memory there is: of the system, of a control group, by a limit."""

import subprocess
import sys

import pytest

from downstream.disk import room


def test_the_least_of_what_there_is(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable:    5000000 kB\n")
    monkeypatch.setattr(room, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(room, "CGROUP", tmp_path / "group")
    assert room.available() == 5_000_000 * 1024
    (tmp_path / "group").mkdir()
    for name, text in (("max", "max"), ("current", "1000000"), ("stat", "inactive_file 400000\nanon 3\n")):
        (tmp_path / "group" / f"memory.{name}").write_text(text)
    assert room.available() == 5_000_000 * 1024
    (tmp_path / "group" / "memory.max").write_text("3000000")
    assert room.available() == 2_400_000


def test_where_nothing_is_said_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MEMINFO", tmp_path / "none")
    monkeypatch.setattr(room, "CGROUP", tmp_path / "none")
    room.check_room("anything", 10**15)


def test_a_limit_of_the_shell_counts():
    code = "from downstream.disk.room import available; print(available())"
    command = f"ulimit -v 2000000; exec {sys.executable} -c '{code}'"
    found = int(subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout)
    assert 0 < found < 2_000_000 * 1024


def test_more_than_there_is_is_refused(monkeypatch):
    monkeypatch.setattr(room, "available", lambda: 2 * 10**9)
    room.check_room("a", 2 * 10**9)
    with pytest.raises(ValueError, match="a would take 3.0 GB of memory, 2.0 GB are free"):
        room.check_room("a", 3 * 10**9)
