"""The examples in docstrings give what they print."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "passt").rglob("*.py"))
    if ">>> " in path.read_text()
]


def test_specs_have_examples():
    assert "passt.catalog.spec" in MODULES


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_give_what_they_print(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert not result.failed
