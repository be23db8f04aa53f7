"""`manage.py import_metrics PATH`: takes over a database, an export or a log of usage."""

import datetime as dt
import sqlite3
import time
import zoneinfo
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from qsmetrics.setting_types import time_zone
from usage import audit_trail
from usage.database import storage
from usage.importing.opening import opened_source
from usage.importing.rejects import RejectFile
from usage.importing.run import ImportTally, import_rows, look_at_rows
from usage.importing.source import CannotRead, Context, Source
from usage.management.mover import Mover, left_out
from usage.management.portal_command import PortalCommand, breaks_off
from usage.management.progress_bar import progress_bar
from usage.periods import rfc3339
from usage.rollups.name_entries import without_daily_bound


class Command(PortalCommand):
    help = (
        "Import usage from a file, whose kind is recognised: a proxy's SQLite file, a portal's "
        "own, CLIProxyAPI's usage export, rows as JSON or CSV, and more (docs/importing.md). A "
        "second time adds only news."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("path", metavar="PATH", type=Path, help="the file to import")
        parser.add_argument(
            "--rejects",
            metavar="FILE",
            type=Path,
            help="where rows that cannot be imported go (default: beside the portal's database)",
        )
        parser.add_argument(
            "--source-time-zone",
            metavar="ZONE",
            default="UTC",
            help="IANA zone of the file's timestamps that name none (default: UTC)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what an import would do"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["path"]
        context = Context(_zone(options["source_time_zone"]), dt.datetime.now(dt.UTC))
        rejects = RejectFile(options["rejects"] or _beside_the_database(path))
        _refuse_own_files(path, rejects.path)
        self._tally = ImportTally()
        self._mover: Mover | None = None
        try:
            with (
                breaks_off(self._so_far),
                opened_source(path, context) as found,
                rejects,
                without_daily_bound(),  # a history has more names than a day brings
            ):
                if options["dry_run"]:
                    self._look_at(path, found, rejects)
                elif isinstance(found, sqlite3.Connection):
                    self._mover = Mover(self, path, found, rejects)
                    self._mover.run()
                else:
                    self._import(path, found, rejects)
        except CannotRead as error:
            raise CommandError(f"{error}. {self._so_far()}") from None
        except OSError as error:
            raise CommandError(
                f"{rejects.path} cannot be written ({error.strerror}): name another file with "
                f"--rejects. {self._so_far()}"
            ) from None

    def _so_far(self) -> str:
        if self._mover is not None:
            return self._mover.so_far()
        if not self._tally.read:
            return "Nothing was imported."
        return (
            f"{self._tally.imported:,} rows had been imported before; an import of the same "
            "file goes on from there."
        )

    def _look_at(self, path: Path, found: Source | sqlite3.Connection, rejects: RejectFile) -> None:
        if isinstance(found, sqlite3.Connection):
            raise CommandError(
                f"{path} is a portal's own database, which is moved as a whole: to see what comes "
                "of it, import it into an empty one (METRICS_STORAGE_PATH=NEW.db)"
            )
        tally, began = self._tally, time.monotonic()
        with progress_bar(self, found.unit, found.total) as bar:
            for advanced in look_at_rows(found, rejects, tally):
                bar.update(advanced)
        self._tell_rows(tally, path, found, time.monotonic() - began, "would be imported")
        self.stdout.write(
            f"{tally.tokens:,} tokens would be imported. Nothing was stored: leave out --dry-run."
        )

    def _import(self, path: Path, source: Source, rejects: RejectFile) -> None:
        tally, began = self._tally, time.monotonic()
        with (
            audit_trail.note_work(
                "import_metrics",
                audit_trail.IMPORTED,
                f"{path.name}.",
                lambda: f"{tally.imported:,} rows of {path.name}." if tally.imported else "",
            ),
            progress_bar(self, source.unit, source.total) as bar,
        ):
            for advanced in import_rows(source, rejects, tally):
                bar.update(advanced)
        self._tell_rows(tally, path, source, time.monotonic() - began, "imported")
        self._tell(tally, rejects.path)
        for remark in source.remarks():
            self.stdout.write(remark)

    def _tell_rows(
        self, tally: ImportTally, path: Path, source: Source, seconds: float, done: str
    ) -> None:
        what = f", {source.what}," if source.what else ""
        self.stdout.write(
            f"Read {tally.read:,} rows of {path}{what} in {seconds:.1f} s: "
            f"{tally.imported:,} {done}, {tally.duplicates:,} there before, "
            f"{tally.rejected:,} rejected."
        )

    def _judge(self, tally: ImportTally) -> None:
        """The proof: what was read, and what the database has of it."""
        found = tally.found
        if not tally.is_proved():
            raise CommandError(
                f"{tally.imported:,} rows with {tally.tokens:,} tokens and "
                f"${tally.told_usd:,.6f} were read, but here are {found.rows:,} with "
                f"{found.tokens:,} and ${found.told_usd:,.6f}. Was something deleted meanwhile? "
                "Import the file again: what is missing is added"
            )
        if tally.imported:
            self.stdout.write(
                f"Proved: {found.rows:,} rows with {found.tokens:,} tokens and "
                f"${found.told_usd:,.6f} of costs are here, as they were read."
            )

    def _tell(self, tally: ImportTally, rejects: Path) -> None:
        if tally.oldest is not None and tally.newest is not None:
            self.stdout.write(
                f"Imported {tally.tokens:,} tokens, from {rfc3339(tally.oldest)} "
                f"to {rfc3339(tally.newest)}."
            )
        self._judge(tally)
        if tally.excluded:
            self.stdout.write(
                f"{tally.excluded:,} rows were passed over, which the portal they come from does "
                "not count either: warm-ups and duplicates."
            )
        if tally.no_usage:
            self.stdout.write(f"{tally.no_usage:,} rows were passed over, which are no usage.")
        if tally.left_out:
            self.stdout.write(left_out(tally.left_out, tally.since))
        if tally.rejected:
            self.stdout.write(
                f"{rejects} says what is wrong with each rejected row. Mend them in the file "
                "and import it again: only they are added."
            )


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(time_zone(name))
    except ValueError as error:
        raise CommandError(f"--source-time-zone is {name!r}: {error}") from None


def _beside_the_database(path: Path) -> Path:
    return Path(settings.METRICS_STORAGE_PATH).parent / f"{path.name}.rejected.ndjson"


def _refuse_own_files(path: Path, rejects: Path) -> None:
    """Neither the portal's database into itself, nor rejects over a database."""
    own = storage.file()
    if own is not None and _is_same(own, path):
        raise CommandError(f"{path} is the portal's own database: give another file")
    if _is_same(rejects, path) or (own is not None and _is_same(own, rejects)):
        raise CommandError(
            f"--rejects is {str(rejects)!r}, the file to import or a database: name another file"
        )
    if not rejects.parent.is_dir():
        raise CommandError(f"--rejects is {str(rejects)!r}: the folder {rejects.parent} is missing")


def _is_same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)
