"""What each piece of the project's work costs the host: launches, copies and waits.

The numbers are today's. A change that lowers one fails as well: write the new number here, so that it stays.
"""

import pytest

from tests.pretended_cuda import workloads

SLACK = 0.0  # how far below a number of the table a count may be
COUNTED = ("launches", "operations", "to_device", "to_host", "pinned", "waits")
COUNTS = {
    "probe step, 3 probes of depth 1": (0.25, 70.75, 0, 0, 0, 0),
    "probe step, 5 probes of depth 2": (0.25, 123.75, 0, 0, 0, 0),
    "probe step, 3 probes of depth 1 on each of 2 sources": (0.25, 80.25, 0, 0, 0, 0),
    "probe step, 5 probes of depth 2 on each of 2 sources": (0.25, 134.5, 0, 0, 0, 0),
    "epoch of 4 steps and a validation, 3 probes of depth 1": (41.333, 323.333, 0.667, 1, 1.667, 1),
    "epoch of 4 steps and a validation, 5 probes of depth 2": (66, 560, 1, 1, 2, 1),
    "scenes of 24 clips": (195, 195, 1, 3, 2, 3),
    "timestamps of 24 clips": (426, 426, 1, 4, 2, 3),
    "micro-batch of training": (239, 239, 1, 0, 1, 0),
    "probe step, 3 probes of depth 1 that weigh 4 levels": (73, 73, 0, 0, 0, 0),
    "probe step, 3 probes of depth 1 that attend to 4 tokens": (76, 76, 0, 0, 0, 0),
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
