"""Worked examples: small tasks, and the lists of two public archives.

A kind of task is a function that writes clips (`clips.py`), and a row of `tasks.TASKS`.
"""
