"""Files: written whole or not at all, locked, and checked in size, sum and type.

Code about bytes, JSON and arrays belongs here; code that knows clips, taps or tasks belongs in the rooms that use it.
"""
