"""What runs leave on the disk: rows, job files and predictions. Everything else in `results` starts here."""
