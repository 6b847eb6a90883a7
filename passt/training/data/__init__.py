"""The clips of a training: sources, order, augmentation, prefetching, random streams.

A batch follows from its number alone, so that a resumed training needs no state of its clips.
"""
