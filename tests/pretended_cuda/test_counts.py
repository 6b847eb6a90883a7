"""What each piece of the project's work costs the host: launches, copies and waits.

The numbers are today's. A change that lowers one fails as well: write the new number here, so that it stays.
"""

import pytest

from tests.pretended_cuda import workloads

SLACK = 0.0  # how far below a number of the table a count may be
COUNTED = ("launches", "to_device", "to_host", "pinned", "waits")
COUNTS = {
    "probe step, 3 probes of depth 1": (1 / 4, 0, 0, 0, 0),
    "probe step, 5 probes of depth 2": (1 / 4, 0, 0, 0, 0),
    "probe step, 3 probes of depth 1 on each of 2 sources": (1 / 4, 0, 0, 0, 0),
    "probe step, 5 probes of depth 2 on each of 2 sources": (1 / 4, 0, 0, 0, 0),
    "epoch of 4 steps and a validation, 3 probes of depth 1": (36.8, 0.1, 1, 1.1, 1),
    "epoch of 4 steps and a validation, 5 probes of depth 2": (50.6, -0.1, 1, 0.9, 1),
    "scenes of 24 clips": (542, 24, 3, 25, 3),
    "timestamps of 24 clips": (1972, 24, 6, 26, 5),
    "micro-batch of training": (237, 16, 0, 0, 16),
}
"""Piece of work -> `COUNTED` for each."""


def test_the_table_has_all_pieces():
    assert list(COUNTS) == list(workloads.PIECES)


@pytest.mark.parametrize("piece", COUNTS)
def test_counts(pretended_cuda, piece):
    found = workloads.PIECES[piece](pretended_cuda)
    costs = tuple(getattr(found, name) for name in COUNTED)
    right = all(most - SLACK <= cost <= most for cost, most in zip(costs, COUNTS[piece], strict=True))
    assert right, f'"{piece}": {costs}, waits {found.places}'
