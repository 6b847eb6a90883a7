"""The folders and score files of hear-eval-kit: read, write, and score from them.

Code that knows the kit's formats belongs here; running the kit itself is `ablations.kit`.
"""
