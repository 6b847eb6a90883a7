"""Published scores: the tables, the sets that they form, and the code that reads them."""
