"""Events in time: targets, events from predictions, and the metrics of sed_eval.

Code that works on events and timestamps belongs here; files and probes do not.
"""
