"""Files: written whole or not at all, locked, checked in size, sum and type before anything is believed.

What knows bytes, JSON and arrays may enter; what knows clips, taps or tasks belongs into a room that imports this one.
"""
