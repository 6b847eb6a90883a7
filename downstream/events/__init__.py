"""Events in time: targets, tables, decoding and the event metrics of sed_eval."""
