"""Labels of new recordings, by the kept probes of a run: scenes, events in time, or numbers."""
