"""A training as data: the recipe, its values and its schedules."""
