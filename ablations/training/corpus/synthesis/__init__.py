"""The material of all kinds of sound: draws, contours, notes, formants, synthesis.

Nothing here knows a particular kind of sound.
"""
