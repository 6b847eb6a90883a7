"""The public names of the package."""

import subprocess
import sys
from pathlib import Path

import pytest

import ablations


@pytest.mark.parametrize("name", ablations.PUBLIC)
def test_every_public_name_is_there(name):
    assert callable(getattr(ablations, name))
    assert name in dir(ablations)


@pytest.mark.parametrize("name", ablations.PUBLIC)
def test_no_module_takes_the_place_of_a_public_name(name):
    """`import ablations.<name>` would set the attribute of that name to a module."""
    place = Path(ablations.__file__).parent / name
    assert not (place / "__init__.py").exists()
    assert not place.with_suffix(".py").exists()


def test_another_name_is_an_error():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        ablations.nonsense  # noqa: B018


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, ablations; assert not {'torch', 'pandas', 'sklearn', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
