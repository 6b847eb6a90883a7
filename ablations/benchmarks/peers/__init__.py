"""Scripts for other interpreters, which time the originals beside ours; they import nothing of the project."""
