"""Parsed values of a wrong type are named; what is shown of them is short, whatever it is."""

import re

import pytest

from downstream.disk import fields


def test_right_values_are_returned():
    assert fields.text("a", "x") == "a"
    assert fields.whole(3, "x", 3, 3) == 3
    assert fields.number(0.5, "x", above=0) == 0.5
    assert fields.flag(False, "x") is False
    assert fields.choice("a", "x", ("a", "b")) == "a"
    assert fields.list_of(fields.text, ["a", "b"], "x") == ["a", "b"]
    assert fields.mapping({"a": 1}, "x") == {"a": 1}


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (fields.text, 1, "x must be text, got 1"),
        (fields.text, "\udcff", "x must be text in Unicode, got '\\udcff'"),
        (fields.whole, True, "x must be a whole number, got True"),
        (fields.whole, 1.0, "x must be a whole number, got 1.0"),
        (fields.whole, 10**400, "x must be a whole number, got a whole number of about 401 digits"),
        (fields.number, True, "x must be a number, got True"),
        (fields.number, float("inf"), "x must be a number, got inf"),
        (fields.number, float("nan"), "x must be a number, got nan"),
        (fields.number, 10**400, "x must be a number, got a whole number of about 401 digits"),
        (fields.number, "1", "x must be a number, got '1'"),
        (fields.flag, 1, "x must be true or false, got 1"),
        (lambda value, where: fields.choice(value, where, ("a", "b")), ["a"], "x must be one of a, b, got ['a']"),
        (lambda value, where: fields.list_of(fields.text, value, where), "ab", "x must be a list, got 'ab'"),
        (lambda value, where: fields.list_of(fields.text, value, where), ["a", 2], "x, number 2, must be text, got 2"),
        (fields.mapping, {1: 2}, "x: every key must be text in Unicode, got 1"),
    ],
)
def test_wrong_values_are_named(check, value, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check(value, "x")


def test_a_tree_that_doubles_itself_is_shown_in_a_line():
    tree = []
    for _ in range(200):
        tree = [tree, tree]
    assert len(fields.shown(tree)) < 200
    assert len(fields.shown({"a": "b" * 10**6, "c": 10**5000})) < 300
    assert "\x1b" not in fields.shown("\x1b[31m")
