"""shredder: destroy every copy of a dataset and prove it to a stranger."""
