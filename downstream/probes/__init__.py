"""Probes: the protocol, the network, fitting one, fitting many as a pack, and selecting among them."""
