"""One move, step by step: who may use it, sums of purged rows, rows, and the proof."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction

from usage.importing.known_files import Acquaintance, make_acquaintance
from usage.importing.portal.day_figures import ByDay, add_days, held_by_source, held_by_target
from usage.importing.portal.file import PortalFile, Row
from usage.importing.portal.known_names import take_over_names
from usage.importing.portal.prices import add_suppressed_pairs, take_over_prices
from usage.importing.portal.proof import Circumstances, Proof, counts_of, prove
from usage.importing.portal.purged_sums import add_purged_sums
from usage.importing.portal.row import COLUMNS, BadRow, Moved, moved
from usage.importing.portal.row_pages import known_events, store_page
from usage.importing.portal.upstream import take_over_upstream_accounts
from usage.importing.portal.users_and_tokens import Accounts, take_over
from usage.importing.rejects import RejectFile
from usage.rollups.horizon import move_purge_horizon


@dataclass
class MoveTally:
    """What a move has done so far."""

    read: int = 0
    new: int = 0
    known: int = 0
    rejected: int = 0
    left_out: int = 0
    purged_sums: int = 0
    accounts: Accounts | None = None


class Move:
    """Takes a portal's file over. Each step may break off, and be begun again."""

    def __init__(self, source: PortalFile, rejects: RejectFile, tally: MoveTally) -> None:
        self.tally = tally
        self._source = source
        self._rejects = rejects
        self._fingerprint = source.fingerprint()
        self._arrived: ByDay = {}
        self._uncounted = 0  # rows that no figure counts
        self._horizon = source.purged_before()
        self._before = held_by_target()
        self._acquaintance = Acquaintance(is_new=False)

    @property
    def horizon(self) -> dt.datetime | None:
        """Before it the file has only sums."""
        return self._horizon

    @property
    def since(self) -> dt.datetime | None:
        """Rows from before are left out, because they may have been here and purged."""
        return self._acquaintance.since

    def accounts(self) -> None:
        self.tally.accounts = take_over(self._source)
        take_over_prices(self._source)
        take_over_names(self._source)
        take_over_upstream_accounts(self._source)

    def purged_sums(self) -> Iterator[int]:
        """Once for a file, in one transaction with the note that they are here."""
        if self._horizon is not None:
            move_purge_horizon(self._horizon)
        with transaction.atomic():
            self._acquaintance = make_acquaintance(self._fingerprint, self._horizon)
            if self._acquaintance.is_new:
                add_suppressed_pairs(self._source)
            if self._acquaintance.is_new and self._horizon is not None:
                for count in add_purged_sums(self._source, self._horizon):
                    self.tally.purged_sums += count
                    yield count

    def rows(self) -> Iterator[int]:
        """Every row that is not there yet; yields how many were read."""
        for page in self._source.pages(COLUMNS):
            rows = self._without_left_out(self._good(page))
            if rows:
                new, arrived = store_page(rows)
                add_days(self._arrived, arrived)
                self._uncounted += sum(row.to_sum is None for row in rows)
                self.tally.new += new
                self.tally.known += len(rows) - new
            self.tally.read += len(page)
            self._rejects.flush()
            yield len(page)

    def proof(self) -> Proof:
        accounts = self.tally.accounts
        assert accounts is not None
        counted = sum(figures.requests for figures in self._arrived.values())
        users, tokens = (
            sum(1 for _ in self._source.dicts(table))
            for table in ("auth_user", "usage_ingesttoken")
        )
        return prove(
            held_by_source(self._source),
            self._before,
            held_by_target(),
            self._arrived,
            Circumstances(self._horizon, self._acquaintance.is_new, self.since),
            counts_of(
                (self.tally.read - self.tally.left_out, counted + self._uncounted),
                *(accounts, tokens, users),
            ),
        )

    def _good(self, page: list[Row]) -> list[Moved]:
        rows = []
        for row in page:
            try:
                rows.append(moved(row, self._fingerprint))
            except BadRow as error:
                self._rejects.write(dict(zip(("id", *COLUMNS), row, strict=True)), str(error))
                self.tally.rejected += 1
        return rows

    def _without_left_out(self, rows: list[Moved]) -> list[Moved]:
        since = self.since
        if since is None or all(row.completed_at >= since for row in rows):
            return rows
        known = known_events(rows)
        kept = [row for row in rows if row.completed_at >= since or row.event in known]
        self.tally.left_out += len(rows) - len(kept)
        return kept
