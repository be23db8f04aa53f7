"""What a backup holds beside the database: the manifest, the signing key, the spools."""

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

_TABLE = "qsmetrics_backup"
_MANIFEST = "manifest"
_KEY = "secret_key"
_SPOOLS = "collector"
_NAME = re.compile(rf"{_KEY}|{_SPOOLS}/[A-Za-z0-9_.-]+\.(spool|ndjson)")
_COUNTED = ("usage_metrics", "usage_rollups", "usage_ingesttoken", "auth_user")


class CannotBackUp(Exception):
    """Why a backup cannot be made or restored, and what to do."""


@dataclass(frozen=True)
class Manifest:
    """What was copied: of which portal, and rows by table, of one moment (RFC 3339)."""

    version: str
    portal: str
    made_at: str
    counts: dict[str, int]

    @property
    def rows(self) -> int:
        return self.counts["usage_metrics"]


def counts_in(file: sqlite3.Connection) -> dict[str, int]:
    found = file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    tables = {name for (name,) in found}
    return {
        table: int(file.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])
        for table in _COUNTED
        if table in tables
    }


def parts_of(folder: Path) -> dict[str, bytes]:
    """The files beside the database that belong to it."""
    paths = [folder / _KEY, *sorted((folder / _SPOOLS).glob("*"))]
    names = {path.relative_to(folder).as_posix(): path for path in paths if path.is_file()}
    return {name: path.read_bytes() for name, path in names.items() if _NAME.fullmatch(name)}


def add_parts(file: sqlite3.Connection, manifest: Manifest, parts: dict[str, bytes]) -> None:
    file.execute(f"CREATE TABLE {_TABLE} (name TEXT PRIMARY KEY, content BLOB NOT NULL)")
    contents = {_MANIFEST: json.dumps(asdict(manifest)).encode(), **parts}
    file.executemany(f"INSERT INTO {_TABLE} VALUES (?, ?)", contents.items())


def take_parts(file: sqlite3.Connection) -> dict[str, bytes]:
    """Those of known names, out of the file."""
    if not _has_parts(file):
        return {}
    found = dict(file.execute(f"SELECT name, content FROM {_TABLE}").fetchall())
    file.execute(f"DROP TABLE {_TABLE}")
    return {name: content for name, content in found.items() if _NAME.fullmatch(name)}


def manifest_in(file: sqlite3.Connection) -> Manifest | None:
    """None of a plain copy of the database. CannotBackUp where it cannot be understood."""
    if not _has_parts(file):
        return None
    row = file.execute(f"SELECT content FROM {_TABLE} WHERE name = ?", [_MANIFEST]).fetchone()
    try:
        return Manifest(**json.loads(row[0]))
    except (TypeError, ValueError):
        raise CannotBackUp("its manifest is damaged: take another backup") from None


def manifest_of(path: Path) -> Manifest | None:
    """None where `manage.py backup` did not make the file."""
    try:
        with opened_backup(path) as file:
            return manifest_in(file)
    except (CannotBackUp, sqlite3.Error):
        return None


@contextmanager
def opened_backup(path: Path) -> Iterator[sqlite3.Connection]:
    """A file that must be there, to be read."""
    address = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=20)) as file:
        yield file


def require_whole(file: sqlite3.Connection, counts: dict[str, int] | None) -> None:
    """CannotBackUp where the file is damaged, or does not hold what it shall."""
    try:
        (verdict,) = file.execute("PRAGMA integrity_check(1)").fetchone()
        found = counts_in(file)
    except sqlite3.DatabaseError as error:
        verdict, found = error.sqlite_errorname, {}
    if verdict != "ok":
        raise CannotBackUp("the file is damaged (SQLite's integrity_check): take another backup")
    if counts is not None and found != counts:
        raise CannotBackUp("the file holds other rows than its manifest says: take another backup")


def _has_parts(file: sqlite3.Connection) -> bool:
    found = file.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [_TABLE])
    return found.fetchone() is not None
