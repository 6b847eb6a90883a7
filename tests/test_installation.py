"""An editable installation: folders of the packages' names in the working directory do not stand in their way."""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("passt", "downstream", "results", "ablations")


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """The bin folder of a fresh environment with a copy of the checkout, installed by `pip install --editable`."""
    for needed in ("pip", "setuptools"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"this environment has no {needed}, which an installation needs")
    folder = tmp_path_factory.mktemp("installed")
    checkout = folder / "checkout"
    left_out = shutil.ignore_patterns("__pycache__", "runs", "*.safetensors")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, checkout / package, ignore=left_out)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    python = folder / "environment" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", python.parents[1]], check=True)
    (site,) = python.parents[1].glob("lib/python*/site-packages")
    # what the packages need; its own .pth files, and so this checkout's own installation, are not read from there
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*install, "--no-build-isolation", "--editable", checkout], check=True, env=clean())
    return python.parent


@pytest.fixture
def folders(tmp_path) -> Path:
    """A working directory with folders of the packages' names, as runs and notes make them."""
    for package in PACKAGES:
        (tmp_path / package).mkdir()
    (tmp_path / "results" / "notes.txt").write_text("mine")
    return tmp_path


def clean() -> dict[str, str]:
    """The environment without paths that would find the packages otherwise."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}


def ended(command: list[str | Path], folder: Path) -> str:
    """What a command printed that ended well."""
    process = subprocess.run(command, cwd=folder, env=clean(), capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_python_imports_the_packages(environment, folders):
    code = "import results, passt, downstream; results.load; passt.EmbeddingSpec; print(*results.__path__)"
    assert "checkout" in ended([environment / "python", "-c", code], folders)


def test_the_command_starts(environment, folders):
    assert "Usage: ablate" in ended([environment / "ablate", "--help"], folders)
