"""Results in the forms in which others take them: a leaderboard's CSV, mteb's JSON, a model card."""
