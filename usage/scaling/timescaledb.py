"""usage_metrics as a hypertable of TimescaleDB: chunks of time, the older ones compressed.

The sums stay ordinary tables: they are small, and added to all the time.
"""

import datetime as dt
import re
from collections.abc import Iterator

from django.db import connection

from usage.database import extensions
from usage.scaling.server import Extension, is_created, primary_key
from usage.scaling.steps import Conversion, Statement

TIMESCALEDB = Extension(
    "timescaledb",
    "TimescaleDB",
    "the package timescaledb-2-postgresql-NN of Timescale's repository",
)
CHUNK = dt.timedelta(days=7)
COMPRESS_AFTER = dt.timedelta(days=14)
# Late rows into compressed chunks are slow, and clients may send again for days.
SOONEST_COMPRESSION = dt.timedelta(days=7)

# Rows lie by time, as late rows and edits look for them: a thousand in a batch, few batches each.
# is_summed apart, so that looking for rows which the sums do not hold need not decompress any.
_COMPRESS = (
    "ALTER TABLE usage_metrics SET (timescaledb.compress, "
    "timescaledb.compress_segmentby = 'is_summed', "
    "timescaledb.compress_orderby = '\"timestamp\" DESC, id DESC'"
)
# A second copy of an event is looked for in every batch's filter, so that there be no others:
# with one for each index, as TimescaleDB makes them by itself, late rows take three times as long.
_FILTERS = ", timescaledb.sparse_index = 'bloom(event_id), bloom(api_key_hash), bloom(response_id)'"
_FIRST_WITH_FILTERS = (2, 22)


def conversion(chunk: dt.timedelta, compress_after: dt.timedelta | None) -> Conversion:
    """What is still to be done; without compression when `compress_after` is None."""
    extension = Statement("the extension", "CREATE EXTENSION IF NOT EXISTS timescaledb")
    return Conversion(
        () if is_created(TIMESCALEDB) else (extension,), tuple(_steps(chunk, compress_after))
    )


def is_community() -> bool:
    """Whether the server has compression, which the Apache edition lacks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('timescaledb.license', true)")
        return bool(cursor.fetchone()[0] != "apache")


def _steps(chunk: dt.timedelta, compress_after: dt.timedelta | None) -> Iterator[Statement]:
    is_hypertable = extensions.is_hypertable()
    if not is_hypertable:
        yield from _to_hypertable(chunk)
    if compress_after is None:
        return
    if not is_hypertable or not _is_compressed():
        yield Statement("how old chunks are compressed", _compress())
    elif _is_compressed_by_key():
        yield Statement(
            "chunks that will be compressed lie by time; those that are stay as they are",
            _compress(),
        )
    if not (is_hypertable and _has_policy()):
        yield Statement(
            "compress them by and by",
            f"SELECT add_compression_policy('usage_metrics', "
            f"compress_after => {_interval(compress_after)}, if_not_exists => true)",
        )


def _to_hypertable(chunk: dt.timedelta) -> Iterator[Statement]:
    name, columns = primary_key("usage_metrics")
    if columns != ["id", "timestamp"]:
        yield Statement(
            "every unique index must contain the time",
            f'ALTER TABLE usage_metrics DROP CONSTRAINT "{name}", '
            'ADD PRIMARY KEY (id, "timestamp")',
        )
    yield Statement(
        "rows into chunks of time; writers wait until all of them have moved",
        "SELECT create_hypertable('usage_metrics', 'timestamp', "
        f"chunk_time_interval => {_interval(chunk)}, migrate_data => true, "
        "create_default_indexes => false)",
    )
    yield Statement("what the planner should know of them", "ANALYZE usage_metrics")


def _is_compressed() -> bool:
    return _exists(
        "SELECT 1 FROM timescaledb_information.hypertables WHERE compression_enabled "
        "AND hypertable_schema = current_schema() AND hypertable_name = 'usage_metrics'"
    )


def _is_compressed_by_key() -> bool:
    """As earlier versions did, which made late rows slow."""
    return _exists(
        "SELECT 1 FROM timescaledb_information.compression_settings WHERE hypertable_schema = "
        "current_schema() AND hypertable_name = 'usage_metrics' AND attname = 'api_key_hash' "
        "AND segmentby_column_index IS NOT NULL"
    )


def _compress() -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COALESCE((SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'), "
            "(SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'))"
        )
        version = cursor.fetchone()[0] or ""
    numbers = [int(digits) for digits in re.findall(r"\d+", version)[:2]]
    is_known = tuple(numbers) >= _FIRST_WITH_FILTERS or not numbers
    return _COMPRESS + (_FILTERS if is_known else "") + ")"


def _has_policy() -> bool:
    return _exists(
        "SELECT 1 FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' "
        "AND hypertable_schema = current_schema() AND hypertable_name = 'usage_metrics'"
    )


def _exists(sql: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone() is not None


def _interval(age: dt.timedelta) -> str:
    if age % dt.timedelta(days=1):
        return f"INTERVAL '{int(age.total_seconds())} seconds'"
    return f"INTERVAL '{age.days} days'"
