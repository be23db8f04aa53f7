"""Moving a portal's file on the command line: progress, what was done, and the proof."""

import datetime as dt
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from usage import audit_trail
from usage.importing.portal import Move, MoveTally
from usage.importing.portal.file import PortalFile
from usage.importing.portal.proof import Proof
from usage.importing.portal.users_and_tokens import Accounts
from usage.importing.rejects import RejectFile
from usage.management.progress_bar import progress_bar
from usage.periods import rfc3339


class Mover:
    def __init__(
        self, command: BaseCommand, path: Path, file: sqlite3.Connection, rejects: RejectFile
    ) -> None:
        self._command = command
        self._path = path
        self._source = PortalFile(file)
        self._rejects = rejects
        self._tally = MoveTally()

    def run(self) -> None:
        """CommandError when the proof fails."""
        began = time.monotonic()
        with self._source.snapshot():
            self._source.require_same_version()
            move = Move(self._source, self._rejects, self._tally)
            with audit_trail.note_work(
                "import_metrics", audit_trail.IMPORTED, f"{self._path.name}.", self._noted
            ):
                move.accounts()
                self._show(move.purged_sums(), "sums")
                self._show(move.rows(), "rows", self._source.count)
            self._tell(move, time.monotonic() - began)
            self._judge(move, move.proof())

    def so_far(self) -> str:
        if not self._tally.read:
            return "Nothing was imported."
        return (
            f"{self._tally.new:,} rows had been imported before; an import of the same file "
            "goes on from there."
        )

    def _show(
        self, steps: Iterator[int], unit: str, total: Callable[[], int] | None = None
    ) -> None:
        with progress_bar(self._command, unit, total) as bar:
            for count in steps:
                bar.update(count)

    def _tell(self, move: Move, seconds: float) -> None:
        tally, out = self._tally, self._command.stdout
        out.write(
            f"Read {tally.read:,} rows of {self._path}, a portal's own database, in "
            f"{seconds:.1f} s: {tally.new:,} moved, {tally.known:,} there before, "
            f"{tally.rejected:,} rejected."
        )
        if move.horizon is not None and tally.purged_sums:
            out.write(
                f"Took over {tally.purged_sums:,} sums of rows that were purged before "
                f"{rfc3339(move.horizon)}."
            )
        if tally.left_out:
            out.write(left_out(tally.left_out, move.since))
        if tally.rejected:
            out.write(f"{self._rejects.path} says what is wrong with each rejected row.")
        if tally.accounts is not None:
            out.write(_told(tally.accounts))

    def _noted(self) -> str:
        accounts = self._tally.accounts
        tokens, users = (accounts.new_tokens, accounts.new_users) if accounts else (0, 0)
        if not (self._tally.new or tokens or users):
            return ""
        what = f"{self._tally.new:,} rows, {tokens:,} tokens and {users:,} users"
        return f"{what} of {self._path.name}."

    def _judge(self, move: Move, proof: Proof) -> None:
        for line in proof.lines():
            self._command.stdout.write(line)
        if move.since is not None:
            self._command.stdout.write(
                f"Days before {rfc3339(move.since)} are not compared: rows were purged since the "
                "first import of this file."
            )
        if not proof.holds:
            raise CommandError(
                "The sums differ: see the lines that say so. If none of the rows was rejected, run "
                "`manage.py rebuild_rollups --check` on the old file and here, and import again."
            )
        self._command.stdout.write("Proved: the sums here are those of the old file.")


def left_out(count: int, since: dt.datetime | None) -> str:
    return (
        f"{count:,} rows from before {'' if since is None else rfc3339(since)} were left out: this "
        "file was imported before and rows of that time were purged since, so they may have been "
        "here. Their sums still are."
    )


def _told(accounts: Accounts) -> str:
    text = f"Took over {accounts.new_tokens:,} ingest tokens and {accounts.new_users:,} users."
    if accounts.users_before:
        names = ", ".join(sorted(accounts.users_before))
        text += f" Here before, with passwords and rights of their own: {names}."
    return text
