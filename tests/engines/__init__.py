"""What the portal does, once over, on the engine of DATABASE_URL: SQLite where there is none.

    .ci/with_engine citus .venv/bin/python -m pytest -q tests/engines

Transactions are real ones (`transaction=True`), since engines differ in what they refuse in them.
"""
