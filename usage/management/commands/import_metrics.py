"""`manage.py import_metrics PATH`: takes over what a Go proxy kept in its metrics.db."""

import datetime as dt
import time
import zoneinfo
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from tqdm import tqdm

from qsmetrics.setting_types import time_zone
from usage.importing import metrics_db
from usage.importing.metrics_db import CannotRead, OldDatabase
from usage.importing.rejects import RejectFile
from usage.importing.run import Account, import_rows
from usage.management.portal_command import PortalCommand, breaks_off
from usage.periods import rfc3339


class Command(PortalCommand):
    help = "Import the usage_metrics table of an old SQLite file. A second time adds only news."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("path", metavar="PATH", type=Path, help="the old metrics.db")
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
            help="IANA zone of the old file's timestamps that name none (default: UTC)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["path"]
        zone = _zone(options["source_time_zone"])
        rejects = RejectFile(options["rejects"] or _beside_the_database(path))
        _refuse_own_files(path, rejects.path)
        account, began = Account(), time.monotonic()
        try:
            with (
                breaks_off(lambda: _so_far(account)),
                metrics_db.opened(path) as old,
                rejects,
            ):
                self._import(old, rejects, account, zone)
        except CannotRead as error:
            raise CommandError(f"{error}. {_so_far(account)}") from None
        except OSError as error:
            raise CommandError(
                f"{rejects.path} cannot be written ({error.strerror}): name another file with "
                f"--rejects. {_so_far(account)}"
            ) from None
        self._tell(path, account, rejects.path, time.monotonic() - began)

    def _import(
        self, old: OldDatabase, rejects: RejectFile, account: Account, zone: dt.tzinfo
    ) -> None:
        is_shown = self.stderr.isatty()
        total = old.count() if is_shown else None
        with tqdm(total=total, unit=" rows", unit_scale=True, disable=not is_shown) as bar:
            for read in import_rows(old, rejects, account, zone):
                bar.update(read)

    def _tell(self, path: Path, account: Account, rejects: Path, seconds: float) -> None:
        self.stdout.write(
            f"Read {account.read:,} rows of {path} in {seconds:.1f} s: {account.imported:,} "
            f"imported, {account.duplicates:,} there before, {account.rejected:,} rejected."
        )
        if account.oldest is not None and account.newest is not None:
            self.stdout.write(
                f"Imported {account.tokens:,} tokens, from {rfc3339(account.oldest)} "
                f"to {rfc3339(account.newest)}."
            )
        if account.rejected:
            self.stdout.write(
                f"{rejects} says what is wrong with each rejected row. Mend them in the old file "
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
    own = Path(str(connection.settings_dict["NAME"])) if connection.vendor == "sqlite" else None
    if own is not None and _is_same(own, path):
        raise CommandError(f"{path} is the portal's own database: give the old proxy's file")
    if _is_same(rejects, path) or (own is not None and _is_same(own, rejects)):
        raise CommandError(f"--rejects is {str(rejects)!r}, a database: name another file")
    if not rejects.parent.is_dir():
        raise CommandError(f"--rejects is {str(rejects)!r}: the folder {rejects.parent} is missing")


def _is_same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _so_far(account: Account) -> str:
    if not account.read:
        return "Nothing was imported."
    return (
        f"{account.imported:,} rows had been imported before; an import of the same file goes on "
        "from there."
    )
