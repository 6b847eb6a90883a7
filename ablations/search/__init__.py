"""Search for a good variant with Optuna: one trial a variant, rows as those of a study.

Optuna's study is called a search here. Only validation scores decide; see `ablations.search.winner`.
"""
