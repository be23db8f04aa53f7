"""What differs between SQLite, PostgreSQL, TimescaleDB and Citus is decided in this folder.

No other code asks which engine it is on: it says what it wants, and each function here says how
the engines differ in it, both ways side by side.

- Where is the data, and can only one write at a time?      storage
- How does a write begin, wait, give up and try again?      transactions, pace, deferred_sync
- Who holds what meanwhile?                                 locks, job_lock, in_use
- How do several questions see one moment, and how long?    snapshots, reading_time
- How are many rows written, and looked up?                 statements, joins
- How are times and fractions held?                         times, numbers
- Where begins what a time is in?                           trunc
- Which extension has the rows, and are they compressed?    extensions, compression
- What happened, in words for people?                       trouble
- What becomes of SQLite's files?           files, sqlite_log, space, overwriting, sqlite
- What do tables and connections need?                      clustered_table, pool
- Has a newer version of ours set it up?                    versions
"""
