"""Every model family by one registry, with its catalog and its cost. A family is one file or folder below."""
