"""What all kinds of sound are made with: draws, control curves, oscillators and filters."""
