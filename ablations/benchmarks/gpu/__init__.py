"""What a GPU does with this project: parts in the order of their value, each in a process of its own, and one page."""
