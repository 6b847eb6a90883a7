"""Worked examples of own tasks: lists of two public archives, and small tasks of speech, music and other sound.

`python -m ablations.prepare.examples --help` says what it makes.
"""

from ablations.prepare.examples.archives import unpack
from ablations.prepare.examples.tasks import TASKS, make_tasks

__all__ = ["TASKS", "make_tasks", "unpack"]
