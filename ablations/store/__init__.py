"""The store and the runs seen from outside: listing, checking, pruning."""
