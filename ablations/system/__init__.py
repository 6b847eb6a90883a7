"""This machine and its processes: device, memory, child processes, signals, errors in one line."""
