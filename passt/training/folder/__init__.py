"""The folder of a training run: its recipe, its log and the state that it resumes from."""
