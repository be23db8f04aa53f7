"""`manage.py redact_keys`: takes API keys out of what older versions have stored."""

import time
from argparse import ArgumentParser
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings

from usage import audit_trail, retention
from usage.database.overwriting import overwriting
from usage.management.portal_command import PortalCommand, breaks_off
from usage.management.progress_bar import progress_bar
from usage.shown_numbers import counted


class Command(PortalCommand):
    help = (
        "Take API keys in clear out of rows, sums and the small tables: in the place of each "
        "stands `sk-…` and eight letters of its SHA-256. New rows are stored without keys anyhow."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        self._is_dry = options["dry_run"]
        self._looked_at = self._rows = self._sums = 0
        self._columns: Counter[str] = Counter()
        self._texts: Counter[str] = Counter()
        began = time.monotonic()
        with breaks_off(self._so_far), self._in_trail():
            self._run()
        self._tell(time.monotonic() - began)

    def _run(self) -> None:
        if self._is_dry:
            self._go_through_rows(retention.find_key_rows())
            self._sums = retention.count_key_sums()
            self._texts.update(retention.redact_texts(is_dry=True))
            return
        with overwriting():
            retention.add_waiting_rows_to_sums()
            self._go_through_rows(retention.redact_rows())
            for done in retention.redact_sums():
                self._sums += done
            for table in retention.redact_texts(is_dry=False):
                self._texts[table] += 1

    def _go_through_rows(self, steps: Any) -> None:
        with progress_bar(self, "rows", retention.row_count) as bar:
            for step in steps:
                self._looked_at += step.looked_at
                self._rows += step.with_keys
                self._columns += step.columns
                bar.update(step.looked_at)

    def _in_trail(self) -> AbstractContextManager[None]:
        if self._is_dry:
            return nullcontext()
        return audit_trail.note_work(
            "redact_keys", audit_trail.ERASED, "API keys in clear.", self._noted
        )

    def _noted(self) -> str:
        if self._rows or self._sums or self._texts:
            return f"API keys in clear, from {self._found()}."
        return ""

    def _found(self) -> str:
        columns = ", ".join(f"{name} {count:,}" for name, count in sorted(self._columns.items()))
        parts = [f"{counted(self._rows, 'row')}{f' ({columns})' if columns else ''}"]
        # Rows take their sums along, so that it can be told before only how many there are.
        which = "of names of the sums" if self._is_dry else "without rows"
        parts.append(f"{counted(self._sums, 'combination')} {which}")
        parts += [f"{counted(count, name)}" for name, count in sorted(self._texts.items())]
        return ", ".join(parts)

    def _tell(self, seconds: float) -> None:
        looked = f"Looked at {counted(self._looked_at, 'row')} in {seconds:.1f} s"
        if not (self._rows or self._sums or self._texts):
            self.stdout.write(f"{looked}: no key in clear is stored.")
        else:
            verb = "would take keys out of" if self._is_dry else "took keys out of"
            self.stdout.write(f"{looked}; {verb} {self._found()}.")
        for path in retention.files_with_keys(Path(settings.METRICS_STORAGE_PATH).parent):
            self.stdout.write(f"{path} holds keys, too: delete it.")

    def _so_far(self) -> str:
        if self._is_dry or not self._rows:
            return "Nothing was changed."
        return f"{counted(self._rows, 'row')} had been done; run this again for the rest."
