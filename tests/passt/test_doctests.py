"""The examples in docstrings give what they print."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["passt.catalog.spec"])
def test_examples_in_docstrings_give_what_they_print(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted
    assert not result.failed
