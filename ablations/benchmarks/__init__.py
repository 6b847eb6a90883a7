"""Measurements that users make on their own machine; each is one file."""
