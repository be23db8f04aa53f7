"""What differs between SQLite, PostgreSQL, TimescaleDB and Citus is decided in this folder."""
