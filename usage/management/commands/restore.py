"""`manage.py restore FILE`: puts a backup in the place of the portal's data."""

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from usage import audit_trail, backups
from usage.management.portal_command import PortalCommand
from usage.management.sqlite_only import has_own_key, own_file


class Command(PortalCommand):
    is_refused_by_newer_databases = False  # which it may replace
    help = "Put a backup in the place of the portal's data, which is kept aside. Stop it first."
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE", type=Path, help="what `backup` wrote")

    def handle(self, *args: Any, **options: Any) -> None:
        database = own_file("pg_restore")
        backup = options["file"].expanduser().absolute()
        is_given = not has_own_key(database.parent)
        try:
            done = backups.restore(backup, database, _migrate, _note_in(backup))
        except backups.CannotBackUp as fault:
            raise CommandError(f"nothing was restored: {fault}") from None
        except OSError as error:
            raise CommandError(
                f"nothing was restored: {error.strerror}: {error.filename}"
            ) from None
        self.stdout.write(f"Restored {done.rows:,} rows from {backup}, checked.")
        if done.was_migrated:
            self.stdout.write("It was of an older version and is of this one now.")
        if not done.has_key:
            self.stdout.write("It held no signing key: the one that is here stays.")
        elif is_given:
            self.stdout.write("SECRET_KEY comes from your settings, so its key is not used.")
        if done.before is not None:
            self.stdout.write(
                f"What was here before is in {done.before}: remove it when all is well."
            )
        self.stdout.write("Start the portal.")


def _migrate(path: Path) -> None:
    with _connected_to(path):
        call_command("migrate", verbosity=0, interactive=False)


def _note_in(backup: Path) -> Callable[[Path, int], None]:
    """The line belongs to what was restored: it takes its place together with it."""

    def note(path: Path, rows: int) -> None:
        with _connected_to(path):
            detail = f"{rows:,} rows from {backup}."
            audit_trail.note_command("restore", audit_trail.RESTORED, detail)

    return note


@contextmanager
def _connected_to(path: Path) -> Iterator[None]:
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(path)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
