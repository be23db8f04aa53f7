"""The tables on several servers with Citus: rows by their event, sums by their series.

A unique index must contain the column by which a table is distributed, so rows are distributed
by event_id and go on being known by time and event: each of them needs an event_id then.
"""

from collections.abc import Iterator

from django.db import connection

from usage.database import extensions
from usage.scaling.server import Extension, is_created, primary_key
from usage.scaling.steps import Conversion, Statement

CITUS = Extension("citus", "Citus", "the package postgresql-NN-citus of Citus's repository")
SHARDS_A_NODE = 2
_ON_EVERY_NODE = {"names of series": "usage_series", "names that are told apart": "usage_names"}
# 60 random bits, like the identities that the writer makes up for rows that bring none.
_MADE_UP = (
    "('x0' || substr(md5(random()::text || clock_timestamp()::text), 1, 15))::bit(64)::bigint"
)
_IN_TURN = "citus.multi_shard_modify_mode=sequential"
ADVICE = (
    "Helps on the coordinator, but holds for the whole server, so it is yours to set:\n"
    "  ALTER SYSTEM SET citus.max_cached_conns_per_worker = 8;  SELECT pg_reload_conf();\n"
    "Restart all portals now: they look once, at their start, where the rows are."
)


def conversion(shards: int | None) -> Conversion:
    """What is still to be done. `shards` for each table; two for each node when it is None.

    Each step stands for itself, since Citus minds what else a transaction did. The rows come
    last: when they are distributed, all is.
    """
    extension = Statement("the extension", "CREATE EXTENSION IF NOT EXISTS citus")
    count = shards or SHARDS_A_NODE * _nodes()
    return Conversion(
        (
            *([] if is_created(CITUS) else [extension]),
            *_connections(),
            *_sums(count),
            *([] if extensions.is_distributed() else _metrics(count)),
        )
    )


def _connections() -> Iterator[Statement]:
    """For the sessions of all portals, which connect anew when they start."""
    if _IN_TURN in _settings_of_database():
        return
    name, _, value = _IN_TURN.partition("=")
    database = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
    yield Statement(
        "one connection to a node in a transaction, so that it may read what it has written",
        f"ALTER DATABASE {database} SET {name} = '{value}'",
    )


def _settings_of_database() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = 0 AND setdatabase = "
            "(SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return [setting for (setting,) in cursor.fetchall()]


def _sums(shards: int) -> Iterator[Statement]:
    done = _distributed_tables()
    for why, table in _ON_EVERY_NODE.items():
        if table not in done:
            yield Statement(f"{why} on every node", f"SELECT create_reference_table('{table}')")
    if "usage_rollups" not in done:
        yield _distribute("sums to the nodes by series", "usage_rollups", "series", "none", shards)
        yield _without_copy("usage_rollups")
    if "usage_histograms" not in done:
        yield _distribute(
            "histograms beside them", "usage_histograms", "series", "usage_rollups", None
        )
        yield _without_copy("usage_histograms")


def _metrics(shards: int) -> Iterator[Statement]:
    yield Statement(
        "an identity for each row that has none",
        f"UPDATE usage_metrics SET event_id = {_MADE_UP} WHERE event_id IS NULL",
    )
    yield Statement(
        "and for each that other programs will insert",
        f"ALTER TABLE usage_metrics ALTER COLUMN event_id SET DEFAULT {_MADE_UP}, "
        "ALTER COLUMN event_id SET NOT NULL",
    )
    name, columns = primary_key("usage_metrics")
    if columns != ["id", "event_id"]:
        yield Statement(
            "every unique index must contain what rows are distributed by",
            f'ALTER TABLE usage_metrics DROP CONSTRAINT "{name}", ADD PRIMARY KEY (id, event_id)',
        )
    yield _distribute(
        "rows to the nodes; writers wait until all of them have moved",
        "usage_metrics",
        "event_id",
        "none",
        shards,
    )
    yield _without_copy("usage_metrics")


def _distribute(why: str, table: str, column: str, beside: str, shards: int | None) -> Statement:
    count = f", shard_count => {shards}" if shards else ""
    return Statement(
        why,
        f"SELECT create_distributed_table('{table}', '{column}', "
        f"colocate_with => '{beside}'{count})",
    )


def _without_copy(table: str) -> Statement:
    return Statement(
        f"free the coordinator's own copy of {table}",
        f"SELECT truncate_local_data_after_distributing_table('{table}')",
    )


def _distributed_tables() -> set[str]:
    if not is_created(CITUS):
        return set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT logicalrelid::text FROM pg_dist_partition")
        return {name for (name,) in cursor.fetchall()}


def _nodes() -> int:
    """How many may hold shards; a coordinator that knows of none holds them itself."""
    if not is_created(CITUS):
        return 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_dist_node WHERE isactive AND shouldhaveshards")
        return max(1, int(cursor.fetchone()[0]))
