"""The folder of a training: the recipe that claims it, its log, and the state that a killed training resumes from.

Every file here is written through `passt.fetch.files`: complete or absent.
"""
