"""From the user's audio to the network's input.

Checked samples, windows of waveforms, log-mel spectrograms of windows, and batches that fit in memory. Nothing here
knows a network.
"""
