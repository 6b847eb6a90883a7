"""From scores to tables, in every format, with emphasis and escapes."""
