"""What `enable_timescaledb` and `enable_citus` have in common."""

import time
from abc import abstractmethod
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError

from usage import audit_trail
from usage.database import extensions
from usage.management.portal_command import PortalCommand, breaks_off
from usage.rollups.unsummed import add_waiting_rows
from usage.scaling.server import (
    CannotScale,
    Extension,
    explained,
    require_installed,
    require_postgresql,
)
from usage.scaling.steps import Conversion, carry_out

_ROWS_AT_ONCE = 2_000


class ScalingCommand(PortalCommand):
    """Shows or carries out a conversion; a second time there is nothing left of it to do."""

    extension: Extension

    @abstractmethod
    def conversion(self, options: dict[str, Any]) -> Conversion:
        """What is still to be done; CannotScale when it must not."""

    @abstractmethod
    def there_already(self) -> str:
        """What to say when nothing is left to do."""

    @abstractmethod
    def afterwards(self) -> str:
        """What a user should know when all is done."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="print the SQL, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with breaks_off(lambda: "Nothing was changed."):
                self._handle(options)
        except CannotScale as error:
            raise CommandError(f"{error}.") from None

    def _handle(self, options: dict[str, Any]) -> None:
        require_postgresql(self.extension)
        if not options["dry_run"]:
            require_installed(self.extension)
        extensions.forget()
        conversion = self.conversion(options)
        if options["dry_run"]:
            self.stdout.write(conversion.script() or f"-- {self.there_already()}")
        elif not conversion.steps:
            self.stdout.write(self.there_already())
        else:
            self._carry_out(conversion)

    def _carry_out(self, conversion: Conversion) -> None:
        began = time.monotonic()
        for _ in add_waiting_rows():  # marking them later would rewrite what is moved now
            pass
        self._steps_begun = 0
        total = f"{len(conversion.steps)} steps."
        command = type(self).__module__.rpartition(".")[2]
        try:
            with audit_trail.note_work(
                command, audit_trail.CONVERTED, total, lambda: f"{self._steps_begun} of {total}"
            ):
                carry_out(conversion, self._tell_step)
        except DatabaseError as error:
            raise explained(self.extension, error) from None
        finally:
            extensions.forget()
        self.stdout.write(f"Done in {time.monotonic() - began:.1f} s. {self.afterwards()}")

    def _tell_step(self, why: str) -> None:
        self._steps_begun += 1
        self.stdout.write(f"… {why}")
