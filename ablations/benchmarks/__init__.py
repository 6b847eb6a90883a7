"""Measurements that users make on their own machine; each is one file that ends in its command."""
