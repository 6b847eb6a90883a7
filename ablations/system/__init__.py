"""This machine and its processes: devices, memory, child processes, signals, errors."""
