"""Conditions of a task's sound, such as noise, a room, a level or a band: what they are, and how sound is changed.

Arrays in, arrays out: code that knows tasks and files does not belong here.
"""
