"""What the steps of the parts do that no other benchmark does: functions that return a Record."""
