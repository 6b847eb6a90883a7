"""Probes: the protocol, the network, fitting one or a pack of many, and selecting among them.

Code that trains on features and targets belongs here; it does not know where they come from, nor metrics.
"""
