"""`manage.py fold_names`: lets rare names count as (other), which makes room, or releases them."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from usage import audit_trail
from usage.management.portal_command import PortalCommand, breaks_off
from usage.management.progress_bar import progress_bar
from usage.rollups import renaming
from usage.rollups.aggregation import OTHER
from usage.rollups.declarations import SUMMED
from usage.rollups.renaming import NoRoom, Rare
from usage.shown_numbers import counted

_NAME = "fold_names"


class Command(PortalCommand):
    help = (
        "Let names with few requests count as (other), so that there is room for new ones, or "
        "tell names apart again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--rarer-than",
            metavar="N",
            type=int,
            help="fold the names that have fewer than N requests of all time",
        )
        what.add_argument(
            "--release",
            metavar="NAME",
            action="append",
            help="tell this name apart again, from its first row that is still there; repeatable",
        )
        parser.add_argument(
            "--dimension", choices=SUMMED, help="only names of this kind (default: of all)"
        )
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        self._done = "Nothing was changed."
        dimensions = [options["dimension"]] if options["dimension"] else list(SUMMED)
        with breaks_off(lambda: f"{self._done} Run it again for the rest."):
            if options["release"] is None:
                self._fold(options["rarer_than"], dimensions, is_dry=options["dry_run"])
            else:
                self._release(options["release"], dimensions, is_dry=options["dry_run"])

    def _fold(self, rarer_than: int, dimensions: list[str], *, is_dry: bool) -> None:
        if rarer_than < 1:
            raise CommandError(f"--rarer-than is {rarer_than}: write 1 or more.")
        filled = renaming.filled_dimensions()
        for dimension in dimensions:
            if dimension not in filled:
                self.stdout.write(
                    f"{dimension}: its sums are still being filled from older rows, so nobody "
                    "knows yet which names are rare: run this again once /_qs/health says "
                    "`filled_share` 1."
                )
                continue
            rare = renaming.rare_names(rarer_than, dimension)
            if not is_dry and rare.names:
                plan = f"names of {dimension} rarer than {rarer_than:,}."
                with self._in_trail(audit_trail.FOLDED, plan, _said(rare)):
                    self._carry_out(renaming.fold(dimension, rare.names), "sums")
            self._tell(rare, is_dry=is_dry)

    def _tell(self, rare: Rare, *, is_dry: bool) -> None:
        if not rare.names:
            self.stdout.write(f"{rare.dimension}: no name is that rare.")
            return
        self._done = f"{'Would fold' if is_dry else 'Folded'} {_said(rare)}"
        told = len(renaming.names_told(rare.dimension)) - (len(rare.names) if is_dry else 0)
        room = max(0, settings.METRICS_MAX_NAMES - told)
        self.stdout.write(f"{self._done} There {'would be' if is_dry else 'is'} room for {room:,}.")

    def _release(self, wanted: list[str], dimensions: list[str], *, is_dry: bool) -> None:
        found = {each: renaming.names_in_other(each, wanted) for each in dimensions}
        known = {name for names in found.values() for name in names}
        if unknown := [name for name in wanted if name not in known]:
            raise CommandError(
                f"{unknown[0]!r} does not count as {OTHER}: look the name up in the admin, Names."
            )
        for dimension, names in found.items():
            if names:
                self._release_in(dimension, names, is_dry=is_dry)

    def _release_in(self, dimension: str, names: list[str], *, is_dry: bool) -> None:
        if is_dry:
            rows = renaming.count_rows_named(dimension, names, 2**53)
            self.stdout.write(f"Would release {_names(dimension, len(names))} with {rows:,} rows.")
            return
        said = f"{_names(dimension, len(names))}."
        try:
            with self._in_trail(audit_trail.RELEASED, said, said):
                rows = self._carry_out(renaming.release(dimension, names), "rows")
        except NoRoom as error:
            raise CommandError(f"{error}.") from None
        self._done = f"Released {_names(dimension, len(names))}, whose {rows:,} rows left {OTHER}."
        self.stdout.write(f"{self._done} What was purged of them stays in it.")

    def _in_trail(self, action: str, plan: str, said: str) -> AbstractContextManager[None]:
        self._is_carried_out = False
        return audit_trail.note_work(
            _NAME, action, plan, lambda: said if self._is_carried_out else ""
        )

    def _carry_out(self, steps: Iterator[int], unit: str) -> int:
        total = 0
        with progress_bar(self, unit) as bar:
            for count in steps:
                total += count
                bar.update(count)
        self._is_carried_out = True
        return total


def _said(rare: Rare) -> str:
    return f"{_names(rare.dimension, len(rare.names))} with {rare.requests:,} requests."


def _names(dimension: str, count: int) -> str:
    return f"{counted(count, 'name')} of {dimension}"
