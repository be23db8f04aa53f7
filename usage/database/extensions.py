"""Which of PostgreSQL's extensions keeps the rows, if any: TimescaleDB or Citus."""

from functools import cache

from django.db import connection


def is_hypertable() -> bool:
    """Whether TimescaleDB keeps usage_metrics, in chunks of time."""
    return _is_listed(
        "timescaledb_information.hypertables",
        "hypertable_schema = current_schema() AND hypertable_name = 'usage_metrics'",
    )


def is_distributed() -> bool:
    """Whether Citus keeps usage_metrics, in shards on several servers."""
    return _is_listed("pg_dist_partition", "logicalrelid = 'usage_metrics'::regclass")


@cache
def _is_listed(view: str, condition: str) -> bool:
    """Asked once in each process: portals start anew after the tables were converted."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [view])
        if cursor.fetchone() == (None,):
            return False
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {view} WHERE {condition})")
        return bool(cursor.fetchone()[0])


forget = _is_listed.cache_clear
