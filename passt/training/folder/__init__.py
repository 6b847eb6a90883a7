"""The folder of a training: its claim, its log, and the state that it resumes from.

Every file here is written through `passt.fetch.files`: complete or absent.
"""
