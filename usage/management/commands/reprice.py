"""`manage.py reprice`: gives rows without a reported cost the cost of today's prices."""

import datetime as dt
import time
from argparse import ArgumentParser
from collections import defaultdict
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from usage import audit_trail, repricing
from usage.management.durations import parse_age
from usage.management.portal_command import PortalCommand, breaks_off
from usage.management.progress_bar import progress_bar
from usage.periods import parse_moment, rfc3339
from usage.rollups.horizon import purged_before
from usage.shown_numbers import counted

_MOST_SHOWN = 30


@dataclass
class _Tally:
    """Of changed rows: how many, and what they cost before and cost now."""

    rows: int = 0
    before_usd: float = 0.0
    after_usd: float = 0.0


class Command(PortalCommand):
    help = (
        "Reckon costs anew from the prices in the admin and in genai-prices, and change rows and "
        "sums where they differ. What a gateway has reported stays."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--since", metavar="TIME", help="only rows from then on: 2026-01-31, RFC 3339 or 30d"
        )
        parser.add_argument(
            "--model",
            metavar="NAME",
            action="append",
            default=[],
            help="only rows of this model; may be given several times",
        )
        parser.add_argument("--dry-run", action="store_true", help="tell, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        self._is_dry = options["dry_run"]
        self._tallies: defaultdict[str, _Tally] = defaultdict(_Tally)
        self._total, self._looked_at = _Tally(), 0
        rows = repricing.candidates(_since(options["since"]), options["model"])
        steps = repricing.cost_changes(rows) if self._is_dry else repricing.reprice(rows)
        began = time.monotonic()
        with breaks_off(self._so_far):
            with (
                nullcontext() if self._is_dry else self._in_trail(options),
                progress_bar(self, "rows", rows.count) as bar,
            ):
                for step in steps:
                    bar.update(step.rows)
                    self._note(step)
            horizon = purged_before()
        self._tell(time.monotonic() - began)
        if horizon is not None:
            self.stdout.write(
                f"Rows before {rfc3339(horizon)} were purged: their costs stand in the sums as "
                "they are."
            )

    def _in_trail(self, options: dict[str, Any]) -> AbstractContextManager[None]:
        of = ", ".join(options["model"]) or "all models"
        since = f" since {options['since']}" if options["since"] else ""
        return audit_trail.note_work(
            "reprice",
            audit_trail.REPRICED,
            f"rows of {of}{since}.",
            lambda: f"{_said(self._total)}." if self._total.rows else "",
        )

    def _note(self, step: repricing.RepricedPage) -> None:
        self._looked_at += step.rows
        for change in step.changes:
            for tally in (self._total, self._tallies[change.model]):
                tally.rows += 1
                tally.before_usd += change.before_usd or 0.0
                tally.after_usd += change.after_usd or 0.0

    def _tell(self, seconds: float) -> None:
        by_rows = sorted(self._tallies.items(), key=lambda item: -item[1].rows)
        for model, tally in by_rows[:_MOST_SHOWN]:
            self.stdout.write(f"{model:<40} {_said(tally)}")
        if len(by_rows) > _MOST_SHOWN:
            self.stdout.write(f"… and {len(by_rows) - _MOST_SHOWN:,} more models")
        verb = "would change" if self._is_dry else "changed"
        self.stdout.write(
            f"Looked at {self._looked_at:,} rows without a reported cost in {seconds:.1f} s; "
            f"{verb}: {_said(self._total)}."
        )

    def _so_far(self) -> str:
        if self._is_dry or not self._tallies:
            return "Nothing was changed."
        return f"{self._total.rows:,} rows had been changed; run this again for the rest."


def _since(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        return timezone.now() - parse_age(text)
    except (ValueError, OverflowError):
        pass
    try:
        return parse_moment(text)
    except ValueError:
        raise CommandError(
            f"--since is {text!r}: write a day such as 2026-01-31, a time such as "
            "2026-01-31T10:00:00Z, or an age such as 30d."
        ) from None


def _said(tally: _Tally) -> str:
    rows = counted(tally.rows, "row")
    return f"{rows}, ${tally.before_usd:,.6f} before, ${tally.after_usd:,.6f} now"
