"""From levels or tokens to the vector that a probe takes: what a probe may do with parts that lie side by side.

A pooling that learns is trained with its probe; the others only change the features.
"""
