"""Published scores: their files, the sets that they form, and the code that reads them."""
