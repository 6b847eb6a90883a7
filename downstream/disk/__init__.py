"""Files: written whole or not at all, locked, and checked in size, sum and type.

What knows bytes, JSON and arrays may enter; what knows clips, taps or tasks belongs into a room that imports this one.
"""
