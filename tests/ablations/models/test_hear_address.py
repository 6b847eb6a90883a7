"""Addresses of HEAR modules: one spec text a model, in specs and in studies."""

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablations.models import registry
from ablations.models.hear_modules import address
from ablations.study.study import Study
from downstream import embedder
from passt import EmbeddingSpec
from passt.catalog import spec_text

VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@given(st.dictionaries(st.text(min_size=1).filter(lambda name: name != "model_file_path"), VALUES))
def test_options_are_read_back_as_they_were(options):
    made = address.of("a.b", options)
    read = address.parse(str(made))
    assert read == made
    assert [type(value) for _, value in read.options] == [type(value) for _, value in made.options]
    assert EmbeddingSpec.parse(str(registry.resolve(str(made)))).checkpoint == str(made)


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("hear:a.b", "hear:a.b"),
        ("hear:a.b?z=1&a=%78", "hear:a.b?a=x&z=1"),
        ("hear:a.b?a=two+words", "hear:a.b?a=two%20words"),
        ("hear:a.b?a=1e3&b=true&c=", "hear:a.b?a=1000.0&b=true&c="),
        ("hear:a.b?a=%22x%22&b=%221%22&c=%5B1%5D&d=NaN", "hear:a.b?a=x&b=%221%22&c=%5B1%5D&d=NaN"),
    ],
)
def test_one_model_has_one_address(given, canonical):
    assert str(address.parse(given)) == canonical
    assert str(registry.resolve(given)) == f"{canonical}@embedding@wown@smax@town@published"


def test_what_options_stand_for():
    found = address.parse("hear:m?a=1&b=1.5&c=true&d=null&e=x&f=%221%22&g=-inf&h=%7B%7D")
    assert dict(found.options) == {"a": 1, "b": 1.5, "c": True, "d": None, "e": "x", "f": "1", "g": "-inf", "h": "{}"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hear:", "'hear:' names no module; expected hear:package.module or hear:package.module?option=value"),
        ("hear:a..b", "'hear:a..b' names no module"),
        ("hear:a b", "'hear:a b' names no module"),
        ("hear:a?", "'' is no option"),
        ("hear:a?b", "'b' is no option"),
        ("hear:a?=1", "'=1' is no option"),
        ("hear:a?b=1&b=2", "option b given twice"),
        ("hear:a@t50", "hear:a: timestamp_hop_ms must be town, its own, got 50"),
        ("hear:a@w160", "hear:a: windows_ms must be empty, its receptive field is its own; got 160 ms"),
        ("hear:a@features", "hear:a: unknown level 'features'; expected one of embedding"),
        ("hear:a@demo", "hear:a: weights must be published or untrained-SEED or none or a file, got 'demo'"),
        ("hear:a?spec=base%40untrained-0@published", "weights must be untrained-SEED, got 'published'"),
        ("logmel@town", "logmel: timestamp_hop_ms must be a positive number of milliseconds, got town"),
    ],
)
def test_wrong_addresses_are_named(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        registry.resolve(text)


def test_untrained_weights_are_declared():
    assert registry.resolve("hear:a").weights == "published"
    assert registry.resolve("hear:a@untrained-3").weights == "untrained-3"
    assert registry.resolve("hear:passt.hear?spec=base%40untrained-7").weights == "untrained-7"
    assert registry.resolve("hear:a?mode=untrained-likes").weights == "published"


def test_the_two_names_of_own_timestamps_are_one():
    assert embedder.OWN_HOP == spec_text.OWN_HOP


def study(**entry) -> Study:
    return Study.from_dict({"name": "mine", "models": [entry], "tasks": ["digits"]}, Path("/base"))


def test_a_module_in_a_study():
    found = study(hear="a.b", options=[{"mode": "x", "n": 3}, {"mode": "y"}], python=sys.executable).models
    assert [model.spec.checkpoint for model in found] == ["hear:a.b?mode=x&n=3", "hear:a.b?mode=y"]
    assert [model.label for model in found] == ["a.b mode=x n=3", "a.b mode=y"]
    assert {(model.family, model.python, model.spec.timestamp_hop_ms) for model in found} == {
        ("hear", Path(sys.executable), 0)
    }
    (alone,) = study(hear="a.b", options={"mode": "x"}).models
    assert (alone.label, alone.python) == ("a.b", None)
    assert study(checkpoint="hear:a.b?mode=x").models[0].spec == alone.spec
    assert [model.label for model in study(hear=["a.b", "a.c"]).models] == ["a.b", "a.c"]


def test_interpreters_are_relative_to_the_study(tmp_path):
    (tmp_path / "env").symlink_to(Path(sys.executable).parent)
    entry = {"hear": "a.b", "python": f"env/{Path(sys.executable).name}"}
    (model,) = Study.from_dict({"name": "m", "models": [entry], "tasks": ["x"]}, tmp_path).models
    assert model.python == tmp_path / entry["python"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"hear": ""}, "'' names no module"),
        ({"hear": "a", "option": {}}, "unknown key 'option' in a model (did you mean 'options'?)"),
        ({"hear": "a", "options": "b=1"}, "options must be a mapping or a list of mappings, got 'b=1'"),
        ({"hear": "a", "options": {"b": [1]}}, "hear:a: option b must be a text, number, true, false or null, got [1]"),
        ({"hear": "a", "options": {1: 2}}, "hear:a: options must have names, got 1"),
        ({"hear": "a?b=1", "options": {"c": 1}}, "hear:a?b=1: options given twice"),
        ({"hear": "a", "options": {"model_file_path": "x"}}, "a weight file is named by weights, not by options"),
        ({"hear": "a", "checkpoint": "logmel"}, "a model has one of checkpoint and hear, got 'logmel' and 'a'"),
        ({"checkpoint": "logmel", "options": {"a": 1}}, "options are for HEAR modules"),
        ({"checkpoint": "logmel", "python": sys.executable}, "logmel: python is for HEAR modules (hear:...), got"),
        ({"hear": "a", "python": "env/bin/python"}, "python: no interpreter at /base/env/bin/python"),
        ({"hear": "a", "python": 3}, "python must be the path or the name of an interpreter, got 3"),
        ({"hear": "a", "python": "python-of-nobody"}, "python: no interpreter at python-of-nobody"),
    ],
)
def test_wrong_modules_in_studies_are_named(entry, message):
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(message)):
        study(**entry)
