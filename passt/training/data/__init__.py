"""What training reads: sources of batches, the order of clips, augmentation, and the seeds of all of it."""
