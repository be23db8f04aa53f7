"""Opens whatever `import_metrics` is given: a portal, another database, or a file of usage."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from usage.importing import metrics_db
from usage.importing.metrics_db import MetricsTable
from usage.importing.portal.file import is_portal
from usage.importing.source import CannotRead, Context, Source
from usage.importing.transcripts.agent_transcripts import transcripts_below
from usage.importing.usage_files import recognition
from usage.importing.usage_files.content import SQLITE
from usage.importing.usage_files.tool_tables import tool_tables


@contextmanager
def opened_source(path: Path, context: Context) -> Iterator[Source | sqlite3.Connection]:
    """A connection is a portal's own file. CannotRead says what is wrong with the path."""
    if path.is_dir():
        yield transcripts_below(path, context)
    elif _is_database(path):
        with metrics_db.connected(path) as connection:
            yield connection if is_portal(connection) else _source(connection, path, context)
    else:
        with recognition.recognised(path, context) as source:
            yield source


def _source(connection: sqlite3.Connection, path: Path, context: Context) -> Source:
    if not metrics_db.columns_of(connection, metrics_db.TABLE):
        if tables := tool_tables(connection, context):
            return tables
    return MetricsTable(connection, path, context)


def _is_database(path: Path) -> bool:
    if not path.exists():
        raise CannotRead(f"{path} does not exist: {_ADVICE}")
    if not path.is_file():
        raise CannotRead(f"{path} is no ordinary file: {_ADVICE}")
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except OSError as error:
        raise CannotRead(f"{path} cannot be opened ({error.strerror})") from None


_ADVICE = "give the path of the old metrics.db, or of a file of usage"
