"""Probes without epochs: nearest neighbors, and linear models that scikit-learn solves.

A solver belongs here: a file, and its row of `SOLVERS`. How its setting is chosen is in `downstream.solve`.
"""

from collections.abc import Mapping

from downstream.solvers.linear import LOGISTIC, RIDGE
from downstream.solvers.nearest import NEAREST
from downstream.solvers.solver import Solver

SOLVERS: Mapping[str, Solver] = {"knn": NEAREST, "ridge": RIDGE, "logistic": LOGISTIC}
"""Every solver by the protocol that uses it (`downstream.probes.protocol.SOLVED`)."""


def has_weights(protocol: str) -> bool:
    """Whether the probes of a protocol, by its base, have weights: neighbors are all training items."""
    return protocol not in SOLVERS or SOLVERS[protocol].restored is not None
