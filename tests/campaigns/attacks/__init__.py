"""Attacks that once succeeded: damage, names, sizes, signals and processes, each as a few lines that say what is right.

A case is a function of a `Place`; its docstring is the right behaviour. It fails where an assertion does, or where a
command ends in another way than by success or a one-line error.
"""
