"""Performance claims, each runnable by one command that prints its table."""
