"""`manage.py rebuild_rollups [--check]`: makes the sums anew from the raw rows, or compares."""

import datetime as dt
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from usage import audit_trail
from usage.management.portal_command import PortalCommand, breaks_off
from usage.management.progress_bar import progress_bar
from usage.periods import rfc3339
from usage.rollups import comparison, horizon, rebuild
from usage.rollups.unsummed import add_waiting_rows
from usage.shown_numbers import counted

_MOST_SHOWN = 20


class Command(PortalCommand):
    help = "Make the sums that answer questions anew from the raw rows, a day at a time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--check", action="store_true", help="only compare: exit status 1 where they differ"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._done = 0
        began = time.monotonic()
        with breaks_off(self._so_far):
            purged_before, first = horizon.purged_before(), horizon.first_day()
            days = rebuild.days_with_usage(first)
            if options["check"]:
                self._check(days, first)
            else:
                self._rebuild(days)
        verb = "agree with" if options["check"] else "were made anew from"
        seconds = time.monotonic() - began
        self.stdout.write(
            f"The sums of {counted(len(days), 'day')} {verb} the raw rows ({seconds:.1f} s)."
        )
        if purged_before is not None:
            self.stdout.write(
                f"Raw rows before {rfc3339(purged_before)} were purged: sums of days that begin "
                "before then stand as they are."
            )

    def _rebuild(self, days: list[int]) -> None:
        rows = 0
        with (
            audit_trail.note_work(
                "rebuild_rollups",
                audit_trail.REBUILT,
                f"the sums of {counted(len(days), 'day')}.",
                lambda: f"The sums of {counted(self._done, 'day')}.",
            ),
            progress_bar(self, "days", lambda: len(days)) as bar,
        ):
            for day in days:
                rows += rebuild.rebuild_day(day)
                self._done += 1
                bar.update()
                bar.set_postfix_str(f"{rows:,} rows")
            for _ in add_waiting_rows():  # of days that a purge has reached
                pass

    def _check(self, days: list[int], first: int | None) -> None:
        found: list[comparison.Difference] = []
        with progress_bar(self, "days", lambda: len(days)) as bar:
            for day in days:
                found += comparison.compare_day(day)
                self._done += 1
                bar.update()
        found += comparison.compare_wide_buckets(first)
        if not found:
            return
        for each in found[:_MOST_SHOWN]:
            self.stdout.write(_shown(each))
        raise CommandError(
            f"{len(found):,} sums differ from the raw rows: run `manage.py rebuild_rollups`"
        )

    def _so_far(self) -> str:
        done = counted(self._done, "day")
        return f"{done} had been done; each day is whole in itself, so run it again."


def _shown(difference: comparison.Difference) -> str:
    number, bucket, *rest = difference.key
    begin = rfc3339(dt.datetime.fromtimestamp(bucket, dt.UTC))
    return (
        f"{difference.table} {number} from {begin}, {rest}: "
        f"is {difference.stored}, should be {difference.expected}"
    )
