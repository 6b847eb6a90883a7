"""Python objects of this process as models: functions, networks, and objects with HEAR's methods."""
