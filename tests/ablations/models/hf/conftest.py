"""Folders of tiny encoders, made once."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from ablations.models import registry
from ablations.models.hf.embedder import HfEmbedder
from tests.ablations.models.hf import tiny


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory) -> Callable[[str], Path]:
    """The folder of a kind of `tiny.KINDS`."""
    place = tmp_path_factory.mktemp("encoders")
    return functools.cache(lambda kind: tiny.save(kind, place / kind))


@pytest.fixture(scope="session")
def embedder_of(folder_of) -> Callable[[str], HfEmbedder]:
    """The embedder of a kind of `tiny.KINDS`."""
    return functools.cache(lambda kind: registry.build(registry.resolve(f"hf:{folder_of(kind)}"), device="cpu"))
