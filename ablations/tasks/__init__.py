"""Tasks by name: HEAR's archives, one's own data (`prepare`) and tasks made of public archives (`examples`)."""
