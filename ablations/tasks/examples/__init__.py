"""Worked examples of one's own tasks: small tasks of speech, music and other sounds, and lists of two public archives.

A kind of task is a function that writes clips (`clips.py`), and a row of `tasks.TASKS`.
"""
