"""Every model by one registry, with its catalog and its cost. A family is one file, and one row of `registry`."""
