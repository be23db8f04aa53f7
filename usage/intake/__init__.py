"""From a client's bytes to usage records: one small module for each format, no database."""
