"""What each piece of the project's work costs the host: launches, copies and waits.

The numbers are today's. A change that lowers one fails as well: write the new number here, so that it stays.
"""

import dataclasses

import pytest

from tests.pretended_cuda import workloads

SLACK = 0.0  # how far below a number of the table a count may be
COUNTED = ("launches", "to_device", "to_host", "pinned", "waits")
COUNTS = {
    "probe step, 3 probes of depth 1": (74, 0, 0, 0, 0),
    "probe step, 5 probes of depth 2": (134, 0, 0, 0, 0),
    "probe step, 3 probes of depth 1, two sources": (86.5, 0, 0, 0, 0),
    "probe step, 5 probes of depth 2, two sources": (0, 0, 0, 0, 0),
    "validation, 3 probes of depth 1": (14.8, 0, 1, 0, 1),
    "validation, 5 probes of depth 2": (0, 0, 1, 0, 1),
    "scenes of 24 clips": (542, 24, 3, 25, 3),
    "timestamps of 24 clips": (1876, 24, 6, 26, 5),
    "micro-batch of training": (237, 16, 0, 0, 16),
}
"""Piece of work -> `COUNTED` for each."""


def test_the_table_has_all_pieces():
    assert list(COUNTS) == list(workloads.PIECES)


@pytest.mark.parametrize("piece", COUNTS)
def test_counts(pretended_cuda, piece):
    found = dataclasses.asdict(workloads.PIECES[piece](pretended_cuda))
    most = dict(zip(COUNTED, COUNTS[piece], strict=True))
    costs = {name: found[name] for name in COUNTED}
    assert all(most[name] - SLACK <= costs[name] <= most[name] for name in COUNTED), f"{costs}, waits {found['places']}"
