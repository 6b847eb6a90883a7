"""The pairs of models that a study compares."""

import pytest

from ablations.study.study import Study
from tests.ablations.study.test_study import study

MODELS = [{"checkpoint": "logmel"}, {"checkpoint": "crepe_tiny", "label": "CREPE"}]


def compared(*pairs):
    return Study.from_dict(study(models=MODELS, comparisons=list(pairs))).comparisons


def test_pairs_are_of_labels():
    assert compared(["CREPE", "logmel"]) == (("CREPE", "logmel"),)
    assert Study.from_dict(study()).comparisons == ()


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([["logmel", "crepe"]], "comparisons: no model has the label 'crepe'.* expected one of"),
        ([["logmel", "logmel"]], r"comparisons must be pairs of two models, got \['logmel', 'logmel'\]"),
        ([["logmel", "CREPE"], ["CREPE", "logmel"]], r"must be distinct pairs, got \['CREPE', 'logmel'\] twice"),
        (["logmel"], r"comparisons, number 1, must be a pair \[A, B\] of labels of models, got 'logmel'"),
        ([["logmel", "CREPE", "x"]], r"comparisons, number 1, must be a pair \[A, B\]"),
        ([["logmel", 3]], "comparisons, number 1, must be text, got 3"),
    ],
)
def test_other_values_are_refused(pairs, message):
    with pytest.raises(ValueError, match=message):
        compared(*pairs)


@pytest.mark.parametrize("value", ["logmel=CREPE", {"logmel": "CREPE"}, None])
def test_a_value_that_is_no_list_is_refused(value):
    with pytest.raises(ValueError, match="comparisons must be a list, got"):
        Study.from_dict(study(models=MODELS, comparisons=value))
