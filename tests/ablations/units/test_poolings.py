"""The names of poolings stand twice, as specs and probes know nothing of one another; here they meet."""

from downstream.pooling import fixed, learned, pooling
from passt.catalog import poolings


def test_specs_and_probes_have_the_same_poolings():
    assert poolings.OF_LEVELS == pooling.OF_LEVELS
    assert poolings.OF_TOKENS == pooling.OF_TOKENS


def test_every_pooling_is_computed():
    assert {*fixed.POOLS, *learned.PROGRAMS} == {*pooling.OF_LEVELS, *pooling.OF_TOKENS}
    assert set(fixed.POOLS) == set(pooling.FIXED)
