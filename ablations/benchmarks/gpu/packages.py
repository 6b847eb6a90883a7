"""Make a folder of the packages that a Python with torch lacks, from wheels or from the registry.

    python ablations/benchmarks/gpu/packages.py wheels     download them, on a machine with a network
    python ablations/benchmarks/gpu/packages.py site       install what this Python lacks, print the path to use

`make wheels` and `make gpu` call it. Nothing of this Python is changed, torch least of all: what is missing goes to a
folder of its own, which PYTHONPATH then names. This file imports nothing of the project and no other package.
"""

import configparser
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WHEELS = ROOT / "wheels"
SITE = ROOT / ".gpu"
PRESENT = ("torch", "numpy", "scipy", "pandas", "scikit-learn", "matplotlib", "pillow")
"""Packages that a Python with torch must have itself: they are large, and such a Python has them."""
BROUGHT = {
    "soundfile": ("cffi", "pycparser"),
    "optuna": ("alembic", "mako", "sqlalchemy", "colorlog", "packaging", "tqdm"),
    "jinja2": ("markupsafe",),
    "rich": ("markdown-it-py", "mdurl", "pygments"),
    "pytest": ("iniconfig", "pluggy"),
    "hypothesis": ("sortedcontainers",),
}
"""Package -> what it needs itself, beside what is always there."""
TESTS = ("pytest", "hypothesis", "typing-extensions")
PEERS = ("hear21passt",)
"""Originals that are timed beside, where what they need is there."""
PYTHONS = ("3.11", "3.12")
PLATFORMS = tuple(f"manylinux_2_{minor}_x86_64" for minor in (34, 31, 28, 27, 26, 24, 17, 12, 5))
PLATFORMS += ("manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64")
NO_TORCH = 3  # exit status


def needed() -> dict[str, str]:
    """Return the packages that the project needs -> the least version, "" for any."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    lines = parser["options"]["install_requires"].split()
    least = {name.lower(): version for name, _, version in (line.partition(">=") for line in lines)}
    return least | dict.fromkeys(TESTS, "")


def travelling() -> list[str]:
    """Return what the wheels hold: everything needed but what is always there, with what it needs itself."""
    names = [name for name in needed() if name not in PRESENT]
    return sorted({*names, *(other for name in names for other in BROUGHT.get(name, ())), *PEERS})


def missing() -> list[str]:
    """Return the packages that this Python lacks or has too old, of those that travel."""
    least = needed()
    return [name for name in travelling() if not _has(name, least.get(name, ""))]


def download() -> None:
    """Download the wheels for each Python of `PYTHONS`, and print their size."""
    WHEELS.mkdir(exist_ok=True)
    options = ["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--dest", str(WHEELS)]
    options += [word for platform in PLATFORMS for word in ("--platform", platform)]
    for python in PYTHONS:
        _pip("download", *options, "--python-version", python, "--abi", f"cp{python.replace('.', '')}", "--abi", "abi3",
             "--abi", "none", *travelling())  # fmt: skip
    wheels = sorted(WHEELS.glob("*.whl"))
    size = sum(path.stat().st_size for path in wheels)
    sys.stdout.write(f"{len(wheels)} wheels, {size / 2**20:.1f} MiB, in {WHEELS.name}/\n")
    sys.stdout.write(f"For a Python {' or '.join(PYTHONS)} on Linux that has {', '.join(PRESENT)}.\n")


def install() -> Path:
    """Install what is missing into a folder of this Python, and return the folder.

    Raises:
        SystemExit: this Python has no torch, or packages that can't be had.
    """
    if not _has("torch", needed()["torch"]):
        sys.stderr.write(f"{sys.executable} has no torch >= {needed()['torch']}\n")
        raise SystemExit(NO_TORCH)
    site = SITE / f"python{sys.version_info.major}.{sys.version_info.minor}"
    sys.path.insert(0, str(site))
    if absent := [name for name in PRESENT if not _has(name, needed().get(name, ""))]:
        raise SystemExit(f"{sys.executable} lacks {', '.join(absent)}: install them beside torch first")
    if lacking := missing():
        source = ["--no-index", "--find-links", str(WHEELS)] if WHEELS.is_dir() else []
        wanted = [name for name in lacking if not source or _has_wheel(name)]
        sys.stderr.write(f"installing {', '.join(wanted)} into {site.relative_to(ROOT)}\n")
        if wanted:
            _pip("install", "--no-deps", "--upgrade", "--target", str(site), *source, *wanted)
        importlib.metadata.MetadataPathFinder().invalidate_caches()
        if left := [name for name in missing() if name not in PEERS]:
            hint = "make them by `make wheels` on a machine with a network" if not source else f"not in {WHEELS.name}/"
            raise SystemExit(f"{sys.executable} lacks {', '.join(left)}: {hint}")
    if not _has("embedding-ablations", ""):
        _declare(site)
    return site


def _declare(site: Path) -> None:
    """Write what an installer writes of the project, whose code is in the checkout: records name its version."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    name, version = parser["metadata"]["name"], parser["metadata"]["version"]
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def _has(name: str, least: str) -> bool:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return _parts(version) >= _parts(least)


def _has_wheel(name: str) -> bool:
    """Whether a wheel of the package is there, for any Python."""
    return name in {re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower() for path in WHEELS.glob("*.whl")}


def _parts(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version.partition("+")[0])]


def _pip(command: str, *arguments: str) -> None:
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", command, "--quiet", *constraints, *arguments]
    if status := subprocess.run(pip, check=False, stdout=sys.stderr).returncode:
        raise SystemExit(f"pip {command} ended with status {status}")


if __name__ == "__main__":
    if sys.argv[1:] == ["wheels"]:
        download()
    else:
        sys.stdout.write(f"{install()}\n")
