"""Training the small networks: recipes, clips, students, and the made-up corpus."""
