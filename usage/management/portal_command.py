"""The base of our commands: settings as options, and errors in one plain line."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from qsmetrics import configuration
from qsmetrics.private_files import make_files_private_from_now_on
from usage.database.trouble import DATABASE_TROUBLE, trouble_of
from usage.database.versions import require_known_database

INTERRUPTED = 130  # what shells make of a program that Ctrl-C ended


class PortalCommand(BaseCommand):
    """Subclasses call `super().add_arguments(parser)` when they have options of their own."""

    is_refused_by_newer_databases = True  # before anything else

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Without abbreviations: settings are read before this parser exists, by whole names."""
        return super().create_parser(prog_name, subcommand, allow_abbrev=False, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the settings. manage.py applied their values before Django's settings loaded."""
        configuration.add_arguments(parser)

    def execute(self, *args: Any, **options: Any) -> str | None:
        """On the command line an error is its sentence and exit status, nothing more."""
        if self._is_on_command_line:
            make_files_private_from_now_on()
        try:
            return self._execute(*args, **options)
        except CommandError as error:
            if not self._is_on_command_line or options["traceback"]:
                raise
            self.stderr.write(str(error))
            sys.exit(error.returncode)
        except DATABASE_TROUBLE as error:
            if not self._is_on_command_line or options["traceback"]:
                raise
            self.stderr.write(str(trouble_of(error)))
            sys.exit(1)
        except KeyboardInterrupt:
            if not self._is_on_command_line:
                raise
            self.stderr.write("interrupted")
            sys.exit(INTERRUPTED)

    def _execute(self, *args: Any, **options: Any) -> str | None:
        if self.is_refused_by_newer_databases:
            require_known_database()
        return super().execute(*args, **options)

    @property
    def _is_on_command_line(self) -> bool:
        # Django sets it in run_from_argv, and tells its type stubs nothing of it.
        return bool(getattr(self, "_called_from_command_line", False))


@contextmanager
def breaks_off(so_far: Callable[[], str]) -> Iterator[None]:
    """Long work that the database or Ctrl-C may end: the error says what was done `so_far`."""
    try:
        yield
    except DATABASE_TROUBLE as error:
        raise CommandError(f"{trouble_of(error)}. {so_far()}") from None
    except KeyboardInterrupt:
        raise CommandError(f"stopped. {so_far()}", returncode=INTERRUPTED) from None
