"""Attacks that once succeeded, each in a few lines: damage, names, sizes, signals and processes.

A case is a function of a `Place`; its docstring states the right behaviour. It fails if an assertion fails, or if a
command ends neither in success nor in a one-line error.
"""
