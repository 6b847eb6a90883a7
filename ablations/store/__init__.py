"""List and check the store, make space in it, and check the rows of runs.

Code that knows both the store and the rows of runs belongs here; the layout of the store is `downstream.store`.
"""
