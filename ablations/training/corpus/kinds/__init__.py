"""The kinds of sound that the corpus is made of, each a table row and a function."""
