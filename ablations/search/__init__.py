"""Searching for a good variant with Optuna: a space of variants in YAML, one trial a variant, its rows as a study's.

Optuna's study is called a search here, its trials trials. Only validation scores decide; see `ablations.search.winner`.
"""
