"""A Ray cluster of two nodes on this machine."""

import pytest

from ablations.engines.ray.session import ENVIRONMENT


@pytest.fixture
def two_nodes(monkeypatch):
    """The address of a cluster of two nodes with a core each."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    from ray.cluster_utils import Cluster

    size = {"num_cpus": 1, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
    cluster.add_node(**size)
    yield cluster.address
    cluster.shutdown()
