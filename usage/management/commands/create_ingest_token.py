"""`manage.py create_ingest_token NAME`: the token alone on stdout, for scripts to capture."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from usage import audit_trail
from usage.management.portal_command import PortalCommand
from usage.models import IngestToken

_NAME = "create_ingest_token"


class Command(PortalCommand):
    help = "Make a token that a proxy posts usage with; or list the tokens, or revoke one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("name", nargs="?", metavar="NAME", help="Which proxy will use it.")
        what.add_argument("--list", action="store_true", help="List the tokens, without secrets.")
        what.add_argument("--revoke", metavar="ID_OR_NAME", help="Stop accepting this token.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self._list()
        elif options["revoke"] is not None:
            self._revoke(options["revoke"])
        else:
            self._create(options["name"])

    def _create(self, given: str) -> None:
        name = given.strip()
        if not name:
            raise CommandError("NAME is empty: write which proxy will use the token.")
        try:
            # The text of a name; everything else is made, not given.
            IngestToken(name=name).clean_fields(exclude={"hint", "digest"})
        except ValidationError as error:
            raise CommandError(f"NAME: {error.message_dict['name'][0]}") from None
        if not name.isprintable():
            raise CommandError("NAME: control characters cannot be part of a name.")
        with transaction.atomic():
            token, text = IngestToken.objects.issue(name)
            audit_trail.note_command(_NAME, audit_trail.ADDED, of=token)
        self.stdout.write(text)
        self.stderr.write(
            f"Token {token.pk} for {name!r} is made; its text is not kept and not shown again.\n"
            "Send it as `Authorization: Bearer …`. From now on posting usage needs a token."
        )

    def _list(self) -> None:
        tokens = IngestToken.objects.all()
        for token in tokens:
            end = f"revoked {_day(token.revoked_at)}" if token.revoked_at else "live"
            made = _day(token.created_at)
            self.stdout.write(f"{token.pk}\t{token.name}\t{token.hint}…\tcreated {made}\t{end}")
        if not tokens:
            self.stderr.write("There are no ingest tokens yet: create_ingest_token NAME makes one.")

    def _revoke(self, given: str) -> None:
        token = _find(given.strip())
        with transaction.atomic():
            token.revoke()
            audit_trail.note_command(_NAME, audit_trail.CHANGED, "Revoked.", token)
        self.stderr.write(f"Token {token.pk} ({token.name}) is revoked: posts with it get 401.")


def _find(given: str) -> IngestToken:
    """The token with this id, else the one live token of this name."""
    if given.isascii() and given.isdigit():
        by_id = IngestToken.objects.filter(pk=int(given)).first()
        if by_id is not None:
            return by_id
    named = list(IngestToken.objects.filter(name=given))
    live = [token for token in named if token.revoked_at is None]
    if len(live) > 1:
        ids = ", ".join(str(token.pk) for token in live)
        raise CommandError(
            f"{len(live)} live tokens are named {given!r}: give one of the ids {ids}."
        )
    if not named:
        raise CommandError(f"No token has the id or name {given!r}; --list shows them.")
    return (live or named)[0]


def _day(moment: Any) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d}"
