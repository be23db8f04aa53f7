"""A stand-in for TimescaleDB on plain PostgreSQL: its functions, with the real
signatures, note each call, refuse what the real ones refuse, and do what tests can see of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import connection

from usage.database import extensions

_CALLS = """
CREATE TABLE stub_calls (id serial, call text);
CREATE FUNCTION stub_refuse_unique_without(relation regclass, wanted name) RETURNS void AS $$
DECLARE found name;
BEGIN
    SELECT i.indexrelid::regclass INTO found FROM pg_index i WHERE i.indrelid = relation
        AND i.indisunique AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = relation
        AND a.attname = wanted AND a.attnum = ANY (i.indkey)) LIMIT 1;
    IF found IS NOT NULL THEN
        RAISE EXCEPTION 'cannot create a unique index without the column "%" (%)', wanted, found;
    END IF;
END $$ LANGUAGE plpgsql;
"""
_TIMESCALEDB = """
CREATE SCHEMA timescaledb_information;
CREATE TABLE timescaledb_information.hypertables (
    hypertable_schema name, hypertable_name name, compression_enabled boolean);
CREATE TABLE timescaledb_information.jobs (
    proc_name name, hypertable_schema name, hypertable_name name);
CREATE TABLE timescaledb_information.compression_settings (hypertable_schema name,
    hypertable_name name, attname name, segmentby_column_index integer);
CREATE TABLE stub_chunk_width (width interval);
CREATE VIEW timescaledb_information.chunks AS
    SELECT DISTINCT current_schema() AS hypertable_schema, 'usage_metrics'::name AS hypertable_name,
        b AS range_start, b + width AS range_end, false AS is_compressed,
        current_schema() AS chunk_schema, 'usage_metrics'::name AS chunk_name
    FROM usage_metrics, stub_chunk_width, date_bin(width, timestamp, 'epoch') AS b;
CREATE FUNCTION create_hypertable(
    relation regclass, time_column_name name, partitioning_column name = NULL,
    number_partitions integer = NULL, associated_schema_name name = NULL,
    associated_table_prefix name = NULL, chunk_time_interval anyelement = NULL::bigint,
    create_default_indexes boolean = true, if_not_exists boolean = false,
    partitioning_func regproc = NULL, migrate_data boolean = false
) RETURNS TABLE (hypertable_id integer, schema_name name, table_name name, created boolean) AS $$
BEGIN
    PERFORM stub_refuse_unique_without(relation, time_column_name);
    IF EXISTS (SELECT 1 FROM usage_metrics) AND NOT migrate_data THEN
        RAISE EXCEPTION 'table "usage_metrics" is not empty';
    END IF;
    INSERT INTO stub_calls (call) VALUES (format('create_hypertable %s %s %s %s %s',
        relation, time_column_name, chunk_time_interval, create_default_indexes, migrate_data));
    INSERT INTO stub_chunk_width VALUES (chunk_time_interval::text::interval);
    INSERT INTO timescaledb_information.hypertables
        VALUES (current_schema(), relation::text, false);
    RETURN QUERY SELECT 1, current_schema(), relation::text::name, true;
END $$ LANGUAGE plpgsql;
CREATE FUNCTION add_compression_policy(
    hypertable regclass, compress_after interval, if_not_exists boolean = false
) RETURNS integer AS $$
    INSERT INTO timescaledb_information.jobs VALUES
        ('policy_compression', current_schema(), hypertable::text);
    INSERT INTO stub_calls (call) VALUES (format('add_compression_policy %s %s %s',
        hypertable, compress_after, if_not_exists));
    SELECT 1000;
$$ LANGUAGE sql;
CREATE FUNCTION drop_chunks(
    relation regclass, older_than timestamptz = NULL, newer_than timestamptz = NULL
) RETURNS SETOF text AS $$
    INSERT INTO stub_calls (call) VALUES (format('drop_chunks %s %s', relation, older_than));
    DELETE FROM usage_metrics WHERE timestamp < (SELECT max(range_end)
        FROM timescaledb_information.chunks WHERE range_end <= older_than);
    SELECT '_hyper_1_1_chunk';
$$ LANGUAGE sql;
"""
_VERSIONS = {"timescaledb": ("2.28.0", _TIMESCALEDB)}


def install(name: str) -> None:
    """Within the test's transaction, which takes it away again."""
    extensions.forget()
    version, functions = _VERSIONS[name]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, "
            "extversion) SELECT 99999, %s, usesysid, 'public'::regnamespace, false, %s "
            "FROM pg_user WHERE usename = current_user",
            [name, version],
        )
        cursor.execute(_CALLS)
        cursor.execute(functions)


def calls() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT call FROM stub_calls ORDER BY id")
        return [call for (call,) in cursor.fetchall()]


@contextmanager
def compression_settings() -> Iterator[list[str]]:
    """Takes ALTER TABLE … SET (timescaledb.…), which plain PostgreSQL cannot be taught."""
    taken: list[str] = []

    def take(execute: Any, sql: Any, parameters: Any, many: Any, context: Any) -> Any:
        if "SET (timescaledb." not in sql:
            return execute(sql, parameters, many, context)
        taken.append(sql)
        statement = "UPDATE timescaledb_information.hypertables SET compression_enabled = true"
        return execute(statement, None, many, context)

    with connection.execute_wrapper(take):
        yield taken


def run(command: str, **options: Any) -> str:
    out = StringIO()
    call_command(command, stdout=out, **options)
    return out.getvalue()


def insert_in_plain_sql(time: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO usage_metrics (timestamp, model) VALUES (%s, 'm')", [time])
