"""`manage.py hash_users`: puts pseudonyms in the place of people's names that are stored."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from usage import pseudonyms, retention
from usage.account_labels import hide_accounts
from usage.management.rewriting_command import RewritingCommand


class Command(RewritingCommand):
    help = (
        "Put pseudonyms in the place of users and e-mail addresses in rows, sums and the names of "
        "accounts, as METRICS_HASH_USERS does with what comes in. They cannot be put back."
    )
    name = "hash_users"
    what = taken = "names of people"
    none = "no name of a person is stored in clear"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--tell", metavar="NAME", help="only tell the pseudonym of this name, to ask by it"
        )

    def changes(self) -> retention.Changes:
        return pseudonyms.changes

    def in_small_tables(self, *, is_dry: bool) -> Iterator[str]:
        return hide_accounts(is_dry=is_dry)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["tell"] is not None:
            self.stdout.write(pseudonyms.pseudonym(options["tell"]))
            return
        if not (settings.METRICS_HASH_USERS or options["dry_run"]):
            raise CommandError(
                "METRICS_HASH_USERS is false, so that rows would go on coming in with names in "
                "clear: set it to true and restart the portal first."
            )
        super().handle(*args, **options)
