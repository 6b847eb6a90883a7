"""YAML is read as it is meant, or is an error with its line."""

import re
import time

import pytest
import yaml

from ablations.inputs.yaml_values import parse_yaml
from ablations.search import declared
from ablations.study.study import FOLDERS, Study
from ablations.training import train

FILES = [path for folder in (*FOLDERS, declared.FOLDER, train.RECIPES) for path in sorted(folder.glob("*.yaml"))]


def test_packaged_files_are_plain_yaml():
    assert FILES
    for path in FILES:
        assert parse_yaml(path.read_text()) == yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("name: 2024-01-01", {"name": "2024-01-01"}),
        ("a: 'no'\nb: '0640'", {"a": "no", "b": "0640"}),
        ("a: 0\nb: -7\nc: 1_000\nd: .5\ne: True", {"a": 0, "b": -7, "c": 1000, "d": 0.5, "e": True}),
        ("a: &a {x: 1}\nb: {<<: *a, x: 2}\nc: [*a, *a]", {"a": {"x": 1}, "b": {"x": 2}, "c": [{"x": 1}, {"x": 1}]}),
        ("t: {b: &b {<<: &a {x: 1}, x: 2}}\nc: {<<: *b}", {"t": {"b": {"x": 2}}, "c": {"x": 2}}),
        ("\ufeffa: 1", {"a": 1}),
    ],
)
def test_what_is_meant_is_read(text, value):
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' is there twice, first in line 1"),
        ("a: {b: 1, c: 2, b: 3}", "line 1: the key 'b' is there twice"),
        ("a:\n  - 0640", "line 2: '0640' is read as an octal number; write it without zeros in front, or in quotes"),
        ("a: 1:30", "line 1: '1:30' is read as a number in base 60"),
        ("a: 1:20.5", "line 1: '1:20.5' is read as a number in base 60"),
        ("name: no", "line 1: 'no' is read as false; write false, or in quotes where it is a text"),
        ("name: On", "line 1: 'On' is read as true"),
        ("1: a", "line 1: a key must be a word, got '1'; write it in quotes"),
        ("? [a]\n: b", "line 1: a key must be a word"),
        ("a: " + "9" * 400, "has 400 digits, and at most 18 are read"),
        ("a: " + "9" * 6000, "has 6000 digits"),
        ("a: &x [*x]", "line 1: an alias is part of what it stands for"),
        ("[" * 3000, "line 1: nested deeper than 32"),
        ("a: !!int []", "line 1: expected a single value"),
        ("a: !!float ''", "line 1: '' is no number"),
        ("a: !!python/object/apply:os.system [x]", "not YAML: line 1: could not determine a constructor"),
        ("a: !!timestamp x", "not YAML: line 1: could not determine a constructor"),
        ("a: [", "not YAML: line 1: "),
        ("a: \x07", "not YAML: unacceptable character"),
    ],
)
def test_what_nobody_means_is_refused_with_its_line(text, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        parse_yaml(text)
    assert "\n" not in str(error.value)


LISTS = "[&x0 [l,l,l,l]" + "".join(f", &x{i} [{','.join([f'*x{i - 1}'] * 10)}]" for i in range(1, 30)) + "]"
MERGES = "{a0: &a0 {x: 1}" + "".join(f", a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 60)) + "}"
LONG = f"[&x {'y' * 90_000}, *x, *x]"


@pytest.mark.parametrize("tree", [LISTS, MERGES, LONG])
@pytest.mark.parametrize("key", ["name", "models", "tasks", "seeds", "protocol", "precision", "figure", "reference"])
def test_aliases_that_multiply_are_refused_at_once(tmp_path, tree, key):
    path = tmp_path / "s.yaml"
    others = {"name": "s", "models": "[{checkpoint: logmel}]", "tasks": "[x]"}
    path.write_text("\n".join(f"{name}: {value}" for name, value in {**others, key: tree}.items()))
    start = time.perf_counter()
    with pytest.raises(ValueError, match="s.yaml: line .: more than 100000 values and characters") as error:
        Study.load(path)
    assert time.perf_counter() - start < 2
    assert len(str(error.value)) < 300
