"""Files: complete or absent, locked, summed, checked in size and type before they are believed."""
