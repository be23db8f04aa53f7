"""`manage.py createsuperuser`: makes one, as Django does, and says so in the audit trail."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from usage.management.accounts_in_trail import accounts_in_trail
from usage.management.portal_command import PortalCommand


class Command(PortalCommand, createsuperuser.Command):
    def add_arguments(self, parser: ArgumentParser) -> None:
        createsuperuser.Command.add_arguments(self, parser)  # type: ignore[arg-type]
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> str | None:
        with accounts_in_trail("createsuperuser"):
            return createsuperuser.Command.handle(self, *args, **options)
