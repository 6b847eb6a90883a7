"""What commands share: options of the same name and meaning, and progress bars. No command enters."""
