"""Events in time: targets for training, events from predictions, and the event metrics of sed_eval.

Code that works on events and timestamps belongs here; files and probes do not.
"""
