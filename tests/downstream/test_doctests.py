"""The examples in docstrings show the conventions of metrics, events and targets."""

import doctest
import importlib

import pytest

MODULES = ("events.columns", "events.decoding", "events.targets", "scores.metrics", "splits")


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name):
    failed, attempted = doctest.testmod(importlib.import_module(f"downstream.{name}"))
    assert attempted
    assert not failed
