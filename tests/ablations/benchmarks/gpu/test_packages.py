"""What a Python with torch lacks: the list is complete, and only what is missing is installed."""

import importlib.metadata
import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from ablations.benchmarks.gpu import packages


def requirements(name, python):
    """What an installed package needs itself on Linux, without extras."""
    environment = {"python_version": python, "python_full_version": f"{python}.1", "platform_machine": "x86_64"}
    environment |= {"sys_platform": "linux", "platform_system": "Linux", "extra": ""}
    environment |= {"platform_python_implementation": "CPython", "implementation_name": "cpython"}
    for line in importlib.metadata.requires(name) or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            yield re.sub(r"[-_.]+", "-", requirement.name).lower()


@pytest.mark.parametrize("python", packages.PYTHONS)
def test_what_travels_has_what_it_needs(python):
    known = {*packages.travelling(), *packages.PRESENT}
    lacking = {
        (name, other)
        for name in packages.travelling()
        if name not in packages.PEERS
        for other in requirements(name, python)
        if other not in known
    }
    assert not lacking


def test_everything_that_the_project_needs_travels_or_is_there():
    needed = packages.needed()
    assert {"torch", "soundfile", "soxr", "optuna", "rich", "click"} <= set(needed)
    assert set(needed) <= {*packages.travelling(), *packages.PRESENT}
    assert needed["click"] == "8.2"


@pytest.fixture
def lacking(monkeypatch, tmp_path):
    """A Python with torch that lacks soxr and has an old click; returns the calls of pip."""
    calls, here = [], importlib.metadata.version

    def version(name):
        if name in ("soxr", "embedding-ablations", "hear21passt"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "8.1" if name == "click" else here(name)

    def run(command, **options):
        calls.append(command)
        monkeypatch.setattr(packages.importlib.metadata, "version", here)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(packages.importlib.metadata, "version", version)
    monkeypatch.setattr(packages.subprocess, "run", run)
    monkeypatch.setattr(packages, "SITE", packages.ROOT / ".gpu-of-a-test")
    monkeypatch.setattr(packages, "WHEELS", tmp_path / "wheels")
    monkeypatch.setattr(packages, "PEERS", ())
    monkeypatch.setattr(packages, "_declare", lambda site: None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return calls


def test_only_what_is_missing_or_too_old_is_installed(lacking):
    site = packages.install()
    (command,) = lacking
    assert command[-2:] == ["click", "soxr"]
    assert "--no-deps" in command
    assert command[command.index("--target") + 1] == str(site)
    assert "--no-index" not in command


def test_wheels_are_taken_where_there_is_their_folder(lacking):
    packages.WHEELS.mkdir()
    (packages.WHEELS / "soxr-1.1.0-cp312-abi3-manylinux_2_28_x86_64.whl").touch()
    packages.install()
    (command,) = lacking
    assert command[-1] == "soxr"
    assert "click" not in command
    assert command[command.index("--find-links") + 1] == str(packages.WHEELS)


def test_a_python_without_torch_is_told(lacking, monkeypatch, capsys):
    monkeypatch.setattr(packages, "_has", lambda name, least: name != "torch")
    with pytest.raises(SystemExit) as ended:
        packages.install()
    assert ended.value.code == packages.NO_TORCH
    assert "has no torch >= 2.4" in capsys.readouterr().err


def test_large_packages_have_to_be_there(lacking, monkeypatch):
    monkeypatch.setattr(packages, "_has", lambda name, least: name != "scipy")
    with pytest.raises(SystemExit, match="lacks scipy: install them beside torch first"):
        packages.install()


def test_the_project_is_declared_to_a_python_that_runs_it_from_a_checkout(tmp_path):
    packages._declare(tmp_path)
    (found,) = importlib.metadata.distributions(path=[str(tmp_path)])
    assert found.metadata["Name"] == "embedding-ablations"
    assert found.version == importlib.metadata.version("embedding-ablations")


@pytest.mark.parametrize(
    ("version", "least", "enough"), [("8.10.1", "8.2", True), ("8.1.9", "8.2", False), ("2.11.0+cu130", "2.4", True)]
)
def test_versions_are_compared_by_numbers(version, least, enough, monkeypatch):
    monkeypatch.setattr(packages.importlib.metadata, "version", lambda name: version)
    assert packages._has("any", least) == enough
