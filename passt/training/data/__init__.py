"""The clips of a training: sources of batches, their order, augmentation, prefetching, and seeded random streams.

A batch follows from its number alone, so that a resumed training needs no state of its clips.
"""
