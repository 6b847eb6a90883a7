"""Worked examples of own tasks: lists of two public archives, and small tasks of speech, music and other sound.

`python -m ablations.tasks.examples --help` says what it makes.
"""
