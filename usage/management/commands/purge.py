"""`manage.py purge`: removes old rows a little at a time, and gives the disk its space back."""

import datetime as dt
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from usage import audit_trail, retention
from usage.database import space
from usage.management.durations import parse_age
from usage.management.erasing import Erasing
from usage.management.portal_command import PortalCommand, breaks_off
from usage.management.progress_bar import progress_bar
from usage.periods import rfc3339
from usage.retention import Expired
from usage.rollups import renaming
from usage.shown_numbers import counted


class Command(PortalCommand):
    help = (
        "Remove rows past their age while the portal goes on, and shrink the SQLite file; or take "
        "a person's name out of all rows."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--older-than",
            metavar="AGE",
            help="such as 90d, 12h, 4w or 30m; without it METRICS_RETENTION_DAYS counts",
        )
        parser.add_argument(
            "--summaries",
            action="store_true",
            help="remove the sums of whole UTC days past that age too, and with them their charts",
        )
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")
        parser.add_argument(
            "--no-vacuum", action="store_true", help="leave the freed space to later rows"
        )
        parser.add_argument(
            "--user",
            metavar="NAME",
            help="remove no row, but this name from the field `user` of all rows and sums",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["user"] is not None:
            self._erase(options)
        else:
            self._purge(options)

    def _erase(self, options: dict[str, Any]) -> None:
        if options["older_than"] is not None or options["summaries"]:
            raise CommandError(
                "--user goes with neither --older-than nor --summaries: it takes the name out of "
                "rows and sums of all times."
            )
        erasing = Erasing(self, options["user"])
        if options["dry_run"]:
            erasing.would_do()
        else:
            erasing.run()

    def _purge(self, options: dict[str, Any]) -> None:
        cutoff = self._cutoff(options["older_than"])
        if cutoff is None:
            self.stdout.write(
                "METRICS_RETENTION_DAYS is 0, which keeps everything: nothing was removed. "
                "`--older-than 90d` removes all the same."
            )
            return
        self._began = time.monotonic()
        self._removed = Expired()
        with breaks_off(self._so_far):
            reach = retention.reachable(cutoff)
            self._is_whole = reach == cutoff
            if options["dry_run"]:
                self._tell(retention.expired_rows(reach), cutoff, "Would remove")
                if options["summaries"]:
                    self._tell_sums(retention.expired_sums(reach), reach, "Would remove")
                return
            if options["summaries"]:
                self._remove_sums(reach)
            self._remove(reach, cutoff)
            if options["summaries"]:
                renaming.forget_unused()
            self._tell(self._removed, cutoff, "Removed")
            if not options["no_vacuum"]:
                self._shrink()

    def _cutoff(self, age: str | None) -> dt.datetime | None:
        """The time that rows must not be older than; None when nothing may go."""
        if age is None and settings.METRICS_RETENTION_DAYS == 0:
            return None
        text = f"{settings.METRICS_RETENTION_DAYS}d" if age is None else age
        try:
            return retention.cutoff_for(parse_age(text), timezone.now())
        except ValueError as error:
            raise CommandError(f"--older-than is {text!r}: {error}.") from None

    def _remove_sums(self, cutoff: dt.datetime) -> None:
        """Before the rows: one whose sums are gone must not be left to an edit or deletion."""
        retention.add_waiting_rows_to_sums()
        count = 0
        what = f"sums of days before {retention.first_day_kept(cutoff):%Y-%m-%d}."
        with (
            audit_trail.note_work(
                "purge --summaries",
                audit_trail.REMOVED,
                what,
                lambda: f"{count:,} {what}" if count else "",
            ),
            progress_bar(self, "sums", lambda: retention.expired_sums(cutoff)) as bar,
        ):
            for removed in retention.remove_expired_sums(cutoff):
                count += removed
                bar.update(removed)
        self._tell_sums(count, cutoff, "Removed")

    def _remove(self, reach: dt.datetime, cutoff: dt.datetime) -> None:
        with (
            audit_trail.note_work(
                "purge",
                audit_trail.REMOVED,
                f"rows from before {rfc3339(cutoff)}.",
                lambda: self._noted(cutoff),
            ),
            progress_bar(self, "rows", lambda: retention.expired_rows(reach).rows) as bar,
        ):
            for batch in retention.remove_expired_rows(reach):
                self._removed += batch
                bar.update(batch.rows)
        retention.forget_old_posts(timezone.now())
        retention.forget_old_traces(timezone.now())
        retention.forget_old_sources(cutoff)
        renaming.forget_purged(int(reach.timestamp()))

    def _noted(self, cutoff: dt.datetime) -> str:
        if not self._removed.rows:
            return ""
        return f"{counted(self._removed.rows, 'row')} from before {rfc3339(cutoff)}."

    def _shrink(self) -> None:
        before = space.file_bytes()
        with progress_bar(self, "pages") as bar:
            for pages in space.give_back_space():
                bar.update(pages)
        after = space.file_bytes()
        if before is not None and after is not None and after < before:
            self.stdout.write(
                f"Gave back {_size(before - after)}: the file shrank from {_size(before)} to "
                f"{_size(after)}; {self._seconds()} in all."
            )

    def _tell(self, expired: Expired, cutoff: dt.datetime, verb: str) -> None:
        if expired.oldest is None or expired.newest is None:
            what = "row" if self._is_whole else "whole chunk"
            self.stdout.write(f"Nothing to remove: no {what} is from before {rfc3339(cutoff)}.")
            return
        self.stdout.write(
            f"{verb} {counted(expired.rows, 'row')} from {rfc3339(expired.oldest)} "
            f"to {rfc3339(expired.newest)} in {self._seconds()}."
        )
        if not self._is_whole:
            self.stdout.write(
                f"Chunks go as a whole: the one that holds {rfc3339(cutoff)} stays as yet."
            )

    def _tell_sums(self, count: int, cutoff: dt.datetime, verb: str) -> None:
        day = retention.first_day_kept(cutoff)
        if count:
            self.stdout.write(f"{verb} {count:,} sums of the days before {day:%Y-%m-%d}.")
        else:
            self.stdout.write(f"No sums are of days before {day:%Y-%m-%d}.")

    def _so_far(self) -> str:
        if not self._removed.rows:
            return "Nothing was removed."
        return (
            f"{counted(self._removed.rows, 'row')} had been removed; run this again for the rest."
        )

    def _seconds(self) -> str:
        return f"{time.monotonic() - self._began:.1f} s"


def _size(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB" if count >= 2**20 else f"{count / 2**10:,.1f} KiB"
