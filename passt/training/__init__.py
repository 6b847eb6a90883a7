"""Training PaSST, and small networks of its kind."""
