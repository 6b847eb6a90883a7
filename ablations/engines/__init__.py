"""Ways to get units done: in this process (`here`) or by Ray."""
