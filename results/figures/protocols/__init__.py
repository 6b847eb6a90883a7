"""Figures of several protocols: ranks and their agreement. They draw the tables of `results.protocols`."""
