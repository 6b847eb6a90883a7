"""The work list of a run as values, and the execution of one unit of it; engines decide where and when."""
