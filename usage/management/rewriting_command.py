"""Commands that go over what is stored and change texts in it: rows, sums and small tables."""

import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from usage import audit_trail, retention
from usage.database.overwriting import overwriting
from usage.management.portal_command import PortalCommand, breaks_off
from usage.management.progress_bar import progress_bar
from usage.shown_numbers import counted


class RewritingCommand(PortalCommand):
    """It may be stopped at any time and run again for the rest."""

    name: str  # of the command, in the audit trail
    what: str  # is taken out
    taken: str  # the same in short
    none: str  # is said where nothing is found

    def changes(self) -> retention.Changes:
        raise NotImplementedError

    def in_small_tables(self, *, is_dry: bool) -> Iterator[str]:
        """The name of the table of each entry that is changed, or would be."""
        raise NotImplementedError

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
        changes = self.changes()
        if self._is_dry:
            self._go_through_rows(retention.rows_to_rewrite(changes))
            self._sums = retention.count_sums_to_rewrite(changes)
            self._texts.update(self.in_small_tables(is_dry=True))
            return
        with overwriting():
            retention.add_waiting_rows_to_sums()
            self._go_through_rows(retention.rewrite_rows(changes))
            for done in retention.rewrite_sums(changes):
                self._sums += done
            for table in self.in_small_tables(is_dry=False):
                self._texts[table] += 1

    def _go_through_rows(self, steps: Iterable[retention.Rewritten]) -> None:
        with progress_bar(self, "rows", retention.row_count) as bar:
            for step in steps:
                self._looked_at += step.looked_at
                self._rows += step.rows
                self._columns += step.columns
                bar.update(step.looked_at)

    def _in_trail(self) -> AbstractContextManager[None]:
        if self._is_dry:
            return nullcontext()
        what = self.what[0].upper() + self.what[1:]
        return audit_trail.note_work(
            self.name,
            audit_trail.ERASED,
            f"{what}.",
            lambda: f"{what}, from {self._found()}." if self._is_any else "",
        )

    @property
    def _is_any(self) -> bool:
        return bool(self._rows or self._sums or self._texts)

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
        if not self._is_any:
            self.stdout.write(f"{looked}: {self.none}.")
        else:
            verb = "would take" if self._is_dry else "took"
            self.stdout.write(f"{looked}; {verb} {self.taken} out of {self._found()}.")

    def _so_far(self) -> str:
        if self._is_dry or not self._rows:
            return "Nothing was changed."
        return f"{counted(self._rows, 'row')} had been done; run this again for the rest."
