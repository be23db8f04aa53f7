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
from usage.importing.run import ImportTally, import_rows
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
                if isinstance(found, sqlite3.Connection):
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
        what = f", {source.what}," if source.what else ""
        self.stdout.write(
            f"Read {tally.read:,} rows of {path}{what} in {time.monotonic() - began:.1f} s: "
            f"{tally.imported:,} imported, {tally.duplicates:,} there before, "
            f"{tally.rejected:,} rejected."
        )
        self._tell(tally, rejects.path)
        for remark in source.remarks():
            self.stdout.write(remark)

    def _tell(self, tally: ImportTally, rejects: Path) -> None:
        if tally.oldest is not None and tally.newest is not None:
            self.stdout.write(
                f"Imported {tally.tokens:,} tokens, from {rfc3339(tally.oldest)} "
                f"to {rfc3339(tally.newest)}."
            )
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
