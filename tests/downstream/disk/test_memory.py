"""How much memory is free: of the system, of a control group, by a limit."""

import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from downstream.disk import memory


def test_the_smallest_bound_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=5_000_000 * 1024))
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "group")
    assert memory.available() == 5_000_000 * 1024
    (tmp_path / "group").mkdir()
    for name, text in (("max", "max"), ("current", "1000000"), ("stat", "inactive_file 400000\nanon 3\n")):
        (tmp_path / "group" / f"memory.{name}").write_text(text)
    assert memory.available() == 5_000_000 * 1024
    (tmp_path / "group" / "memory.max").write_text("3000000")
    assert memory.available() == 2_400_000


def test_a_system_that_tells_nothing_has_no_bound(tmp_path, monkeypatch):
    def untold():
        raise FileNotFoundError("/proc/meminfo")

    monkeypatch.setattr(psutil, "virtual_memory", untold)
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "none")
    memory.check_memory("anything", 10**15)


def test_a_limit_of_the_shell_counts():
    code = "from downstream.disk.memory import available; print(available())"
    command = f"ulimit -v 2000000; exec {sys.executable} -c '{code}'"
    output = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout
    assert 0 < int(output) < 2_000_000 * 1024


def test_what_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2 * 10**9)
    memory.check_memory("a", 2 * 10**9)
    with pytest.raises(ValueError, match="a would take 3.0 GB of memory, 2.0 GB are free"):
        memory.check_memory("a", 3 * 10**9)
