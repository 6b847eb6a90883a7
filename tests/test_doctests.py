"""The examples in docstrings give what they print."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in ("passt", "downstream", "results", "ablations")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in path.read_text()
]


def test_specs_formats_and_statistics_have_examples():
    assert {"passt.catalog.spec", "results.tables.formats", "results.statistics.ranks"} <= set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_print(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert not result.failed
