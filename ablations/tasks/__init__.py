"""Tasks by name, HEAR's archives, tasks made of one's own data (`prepare`) and example tasks (`examples`)."""
