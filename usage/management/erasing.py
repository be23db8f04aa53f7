"""`purge --user NAME` on the command line: what is refused, what is said, what is noted."""

import time

from django.core.management.base import BaseCommand, CommandError

from usage import audit_trail, retention
from usage.account_labels import accounts_named, forget_accounts
from usage.live_keys import without_keys
from usage.management.portal_command import breaks_off
from usage.management.progress_bar import progress_bar
from usage.shown_numbers import counted


class Erasing:
    """One person's name, and how many rows and upstream accounts it was taken out of."""

    def __init__(self, command: BaseCommand, user: str) -> None:
        self._command = command
        self._user = _checked(user)
        self._rows = self._accounts = self._sums = 0

    def would_do(self) -> None:
        self._rows = retention.rows_of_user(self._user).count()
        self._accounts = accounts_named(self._user).count()
        if not self._rows:  # which take theirs along
            self._sums = retention.count_sums_of_user(self._user)
        if self._of_what:
            self._say(f"Would take the name out of {self._of_what}, which go on counting.")
        else:
            self._say_nobody()

    def run(self) -> None:
        """Noted in the audit trail, by a fingerprint, however far it came."""
        began = time.monotonic()
        with breaks_off(self._so_far):
            self._erase()
        if self._of_what:
            seconds = time.monotonic() - began
            self._say(
                f"Took the name out of {self._of_what} in {seconds:.1f} s; they go on "
                "counting. Backups, exports and the files beside the database are yours to see "
                "to: docs/people.md says which."
            )
        else:
            self._say_nobody()

    def _erase(self) -> None:
        name = f"A person's name, of fingerprint {retention.fingerprint_of(self._user)}"
        with (
            audit_trail.note_work(
                "purge --user",
                audit_trail.ERASED,
                f"{name}.",
                lambda: f"{name}, from {self._of_what}." if self._of_what else "",
            ),
            progress_bar(self._command, "rows", retention.rows_of_user(self._user).count) as bar,
        ):
            self._accounts = forget_accounts(accounts_named(self._user))
            for done in retention.erase_user(self._user):
                self._rows += done
                bar.update(done)
        for done in retention.erase_sums_of_user(self._user):
            self._sums += done

    @property
    def _of_what(self) -> str:
        """Empty where there is nothing of that name."""
        accounts = counted(self._accounts, "upstream account") if self._accounts else ""
        rows = counted(self._rows, "row") if self._rows else ""
        # Rows take theirs along, and leave names of sums behind in which nothing is.
        sums = counted(self._sums, "purged sum") if self._sums and not self._rows else ""
        return " and ".join(filter(None, (rows, sums, accounts)))

    def _so_far(self) -> str:
        if not self._of_what:
            return "Nothing was erased."
        return f"{self._of_what} had been done; run this again for the rest."

    def _say_nobody(self) -> None:
        self._say(
            "No row has exactly that name in its field `user`, and no upstream account is named "
            "so: nothing was to be done."
        )

    def _say(self, text: str) -> None:
        self._command.stdout.write(text)


def _checked(user: str) -> str:
    if not user:
        raise CommandError("--user is empty: write the name as rows have it in `user`.")
    if len(user) > retention.LONGEST_NAME:
        raise CommandError(
            f"--user is longer than {retention.LONGEST_NAME}: no row has such a name."
        )
    if "\0" in user or any(0xD800 <= ord(character) < 0xE000 for character in user):
        raise CommandError("--user holds characters that no row has: write the name in UTF-8.")
    return without_keys(user)  # as rows keep it
