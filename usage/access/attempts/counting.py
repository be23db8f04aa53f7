"""Failures, counted for all processes in the database; in this one while that takes no writes."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from usage.database.transactions import write_transaction
from usage.database.trouble import DATABASE_TROUBLE, explain
from usage.models import FailedLogins

logger = logging.getLogger(__name__)

MOST_FAILURES = 10
WINDOW_SECONDS = 60
_LONGEST_WAIT_SECONDS = 2.0  # for the turn to write

_mutex = threading.Lock()
_here: dict[int, list[float]] = {}  # by slot, of which there are few


@dataclass
class TooManyFailures(Exception):
    """The secret may not be looked at for so many seconds."""

    seconds: int


@dataclass(frozen=True)
class Attempt:
    """Counted as a failure in its slots, until it is taken back."""

    slots: Sequence[int]
    at: float
    is_kept_here: bool

    def take_back(self) -> None:
        """Undo the count: the secret was right, or nobody looked at it."""
        if self.is_kept_here:
            with _mutex:
                for slot in self.slots:
                    _here[slot] = [moment for moment in _here[slot] if moment != self.at]
            return
        try:
            with write_transaction(_LONGEST_WAIT_SECONDS):
                for row in _locked(self.slots):
                    row.times = [moment for moment in row.times if moment != self.at]
                    row.save(update_fields=["times"])
        except DATABASE_TROUBLE as error:
            logger.warning("a login counts as failed although it did not: %s", explain(error))


def begin(slots: Sequence[int]) -> Attempt:
    """Count before looking, so that guesses that come at once are no more than ten either."""
    slots = sorted(slots)
    now = time.time()
    with _mutex:
        _refuse([_here.get(slot, []) for slot in slots], now)
    try:
        found = FailedLogins.objects.filter(slot__in=slots).values_list("times", flat=True)
        _refuse(list(found), now)  # without the lock that writers share
        _count_in_database(slots, now)
    except DATABASE_TROUBLE as error:
        logger.warning("failed logins are counted in this process alone: %s", explain(error))
        _count_here(slots, now)
        return Attempt(slots, now, is_kept_here=True)
    return Attempt(slots, now, is_kept_here=False)


def forget() -> None:
    """What only this process knows."""
    with _mutex:
        _here.clear()


def _count_in_database(slots: Sequence[int], now: float) -> None:
    with write_transaction(_LONGEST_WAIT_SECONDS):
        rows = [FailedLogins(slot=slot) for slot in slots]
        FailedLogins.objects.bulk_create(rows, ignore_conflicts=True)
        rows = _locked(slots)
        _refuse([row.times for row in rows], now)
        for row in rows:
            row.times = [*_recent(row.times, now), now]
            row.save(update_fields=["times"])


def _count_here(slots: Sequence[int], now: float) -> None:
    with _mutex:
        _refuse([_here.get(slot, []) for slot in slots], now)
        for slot in slots:
            _here[slot] = [*_recent(_here.get(slot, []), now), now]


def _locked(slots: Sequence[int]) -> list[FailedLogins]:
    """In the order of their numbers, so that two writers never wait for each other."""
    found = FailedLogins.objects.select_for_update().filter(slot__in=slots)
    return list(found.order_by("slot"))


def _refuse(failures: Sequence[list[float]], now: float) -> None:
    """TooManyFailures until the oldest of the last ten is a minute ago, in each of the slots."""
    recent = [_recent(times, now) for times in failures]
    full = [min(times) for times in recent if len(times) >= MOST_FAILURES]
    if full:
        raise TooManyFailures(max(1, int(max(full) + WINDOW_SECONDS - now) + 1))


def _recent(times: list[float], now: float) -> list[float]:
    """At most ten; a clock that was set back holds nobody for longer than a minute."""
    return [moment for moment in times if abs(now - moment) < WINDOW_SECONDS][-MOST_FAILURES:]
