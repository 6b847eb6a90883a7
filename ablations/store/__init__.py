"""The commands of `ablate store` as functions: list the store, make space in it, check it and the rows of runs.

Code that knows both the store and the rows of runs belongs here; the layout of the store is `downstream.store`.
"""
