"""What a stranger reads and types is true: pins are in range, packaged files are there."""

import configparser
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def requirements(text: str) -> dict[str, Requirement]:
    found = [Requirement(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {requirement.name.lower(): requirement for requirement in found}


def test_every_requirement_is_pinned_within_its_range(setup):
    extras = setup["options.extras_require"]
    declared = (
        requirements(setup["options"]["install_requires"])
        | requirements(extras["dev"])
        | requirements(extras["ray"])
        | requirements(extras["report"])
        | requirements(extras["hf"])
    )
    pins = requirements((ROOT / "constraints.txt").read_text())
    for name, requirement in declared.items():
        (pin,) = pins[name].specifier
        assert pin.operator == "=="
        assert pin.version in requirement.specifier, name
    assert str(pins["torch"].specifier) == "==2.13.0"
    assert set(extras) == {"dev", "hf", "notebooks", "ray", "report"}


def test_every_install_command_uses_the_constraints():
    installs = [line for line in (ROOT / "Makefile").read_text().splitlines() if "pip" in line and "install" in line]
    assert installs
    assert all(
        re.search(r"--constraint (kit-)?constraints\.txt", line)
        for line in installs
        if not line.lstrip().startswith("#")
    )


def test_packaged_files_are_declared(setup):
    for package, patterns in setup["options.package_data"].items():
        for pattern in patterns.split():
            assert list((ROOT / package).glob(pattern)), f"{package}/{pattern}"


def test_no_file_is_large_or_names_a_place_of_one_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    for name in tracked:
        path = ROOT / name
        if path.is_file():
            assert path.stat().st_size < 12e6, name
            if path.suffix in (".py", ".md", ".yaml", ".cfg", ".toml", ".json", ".csv", ".ipynb", ".txt"):
                assert os.sep + "work" + os.sep not in path.read_text(errors="replace"), name


def test_the_citation_names_the_paper():
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert found["preferred-citation"]["year"] == 2022
    assert found["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()
