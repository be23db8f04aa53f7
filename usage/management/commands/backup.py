"""`manage.py backup FILE`: a copy of the whole portal in one file, while it runs."""

import datetime as dt
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from usage import audit_trail, backups
from usage.backups.writing import stamped
from usage.database.trouble import DATABASE_TROUBLE, trouble_of
from usage.management.portal_command import PortalCommand
from usage.management.sqlite_only import has_own_key, own_file


class Command(PortalCommand):
    is_refused_by_newer_databases = False  # it changes nothing
    help = (
        "Copy the portal into one private file: the database, the signing key and the collectors' "
        "spools. It may run meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=Path, help="where the backup goes")
        parser.add_argument(
            "--keep",
            metavar="N",
            type=int,
            help="add the time to FILE's name, and remove its backups but the newest N",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        database = own_file("pg_dump")
        file, keep = options["file"].expanduser().absolute(), options["keep"]
        if keep is not None and keep < 1:
            raise CommandError(f"--keep is {keep}: keep at least one")
        target = file if keep is None else stamped(file, dt.datetime.now(dt.UTC))
        began = time.monotonic()
        try:
            manifest = backups.back_up(database, target)
        except backups.CannotBackUp as fault:
            raise CommandError(f"no backup was made: {fault}") from None
        except OSError as error:
            raise CommandError(f"no backup was made: {error.strerror}: {error.filename}") from None
        size = target.stat().st_size / 2**20
        self.stdout.write(
            f"Backed up {manifest.rows:,} rows to {target}, {size:,.1f} MiB, checked, "
            f"in {time.monotonic() - began:.1f} s."
        )
        if not has_own_key(database.parent):
            self.stdout.write("SECRET_KEY comes from your settings and is not in it: keep it too.")
        self._note(f"{manifest.rows:,} rows to {target}.")
        if keep is not None:
            self._remove(backups.older_ones(file, manifest.portal, keep))

    def _note(self, detail: str) -> None:
        """A portal that cannot be written, as on a full disk, is backed up all the same."""
        try:
            audit_trail.note_command("backup", audit_trail.BACKED_UP, detail)
        except DATABASE_TROUBLE as error:
            self.stderr.write(f"The audit trail does not tell of it: {trouble_of(error)}")

    def _remove(self, older: list[Path]) -> None:
        for each in older:
            try:
                each.unlink()
            except OSError as error:
                raise CommandError(f"{each} cannot be removed: {error.strerror}") from None
            self.stdout.write(f"Removed {each}.")
