"""The kinds of sound in the corpus.

Each is a function from draws to sounds, and a row of its file's table `KINDS`.

`kind.py` has the type of a row. The tables come together in `ablations/training/corpus/vocabulary.py`.
"""
