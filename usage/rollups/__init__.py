"""Additive sums beside the raw rows: declared as data, changed in the rows' own transaction."""
