"""The public names of the package."""

import subprocess
import sys

import pytest

import ablations


@pytest.mark.parametrize("name", ablations.PUBLIC)
def test_every_public_name_is_there(name):
    assert callable(getattr(ablations, name))
    assert name in dir(ablations)


def test_another_name_is_an_error():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        ablations.nonsense  # noqa: B018


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, ablations; assert not {'torch', 'pandas', 'sklearn', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
