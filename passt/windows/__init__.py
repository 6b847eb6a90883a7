"""Sound to the network's input: samples, mel spectrograms, centered windows, frames and batches."""
