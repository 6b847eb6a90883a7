"""What all kinds of sound are made with: random draws, contours, notes, formants, and the synthesis itself.

Nothing here knows a particular kind of sound.
"""
