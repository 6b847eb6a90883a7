"""Specs of models side by side: their text, their parts, and what can't stand together."""

import dataclasses
import re

import pytest

from passt import EmbeddingSpec, PasstEmbedder
from passt.catalog.card import Card
from passt.catalog.spec_text import FUSED, parse_fields

FIRST, SECOND = EmbeddingSpec.parse("passt_demo@block6@demo"), EmbeddingSpec.parse("crepe_full@activation@wown@t100")


def test_the_text_reads_back_with_and_without_blanks():
    spec = dataclasses.replace(FIRST, beside=(SECOND,))
    assert str(spec) == f"{FIRST}{FUSED}{SECOND}"
    for text in (str(spec), str(spec).replace(" ", ""), f"  {FIRST}   ++{SECOND} "):
        assert EmbeddingSpec.parse(text) == spec
    assert spec.parts == (FIRST, SECOND)
    assert FIRST.parts == (FIRST,)
    assert hash(spec) == hash(EmbeddingSpec.parse(str(spec)))
    assert sorted([SECOND, spec, FIRST])[-1] == spec


def test_addresses_with_signs_of_their_own_stand_side_by_side():
    text = "hear:mine?name=a%2B%2Bb@embedding ++ hf:ORG/NAME@v1.1@block2 ++ paper-lm@w640"
    first, *beside = EmbeddingSpec.parse(text).parts
    assert first.checkpoint == "hear:mine?name=a%2B%2Bb"
    assert beside[0].checkpoint == "hf:ORG/NAME?revision=v1.1"
    assert beside[1].windows_ms == (640,)


def test_a_card_fills_in_what_each_text_leaves_out():
    assert parse_fields("passt_demo++crepe_full@t100") == {
        "checkpoint": "passt_demo",
        "beside": ({"checkpoint": "crepe_full", "timestamp_hop_ms": 100},),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("passt_demo ++ ", "expected a model before and behind each ++"),
        ("++passt_demo", "expected a model before and behind each ++"),
        ("a ++ ++ b", "expected a model before and behind each ++"),
        ("passt_demo ++ passt_demo", "stands beside itself; expected distinct models"),
        ("a ++ b@w320 ++ b@w320", "b@logits+features@w320@smax@t50@published: stands beside itself"),
        ("a@block1+block2@weighted ++ b", "a model beside others has no pooling, got 'weighted'"),
        ("a ++ b@block1.tokens@attention", "a model beside others has no pooling, got 'attention'"),
        ("a ++ b@w1@w2", "spec 'b@w1@w2': windows_ms given twice"),
    ],
)
def test_what_cannot_stand_side_by_side_is_named(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        EmbeddingSpec.parse(text)


def test_only_specs_of_one_model_stand_beside_another():
    pair = dataclasses.replace(FIRST, beside=(SECOND,))
    for beside in ((pair,), ("crepe_full",), [3]):
        with pytest.raises(ValueError, match="beside must be specs of one model each"):
            dataclasses.replace(EmbeddingSpec(), beside=beside)
    assert dataclasses.replace(FIRST, beside=[SECOND]) == pair


def test_what_is_of_one_model_refuses_several():
    pair = dataclasses.replace(FIRST, beside=(SECOND,))
    card = Card("passt_demo", "passt", 32000, ("block6",), ("block6",), (160,), 10, 1000)
    asked = (pair.scene_taps, pair.timestamp_taps, lambda: card.resolve(pair), lambda: PasstEmbedder(pair))
    for ask in asked:
        with pytest.raises(ValueError, match=re.escape(f"{pair}: expected one model, got 2 side by side")):
            ask()
    with pytest.raises(ValueError, match="spec: expected one model of PaSST, got 'passt_demo "):
        PasstEmbedder("passt_demo ++ passt_demo@w320")
