"""Runs the jobs for as long as the lock is ours: each that is due a step, in turns."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from django.db import connection

from usage.database.job_lock import JobLock
from usage.database.trouble import DATABASE_TROUBLE, trouble_of
from usage.database.versions import require_known_database
from usage.jobs.job import Job

logger = logging.getLogger(__name__)

LOOKS_EVERY = 1.0  # seconds between two looks whether the lock is free, or ours still
_REST_AFTER_TROUBLE = 5.0


class _Turns:
    """One job: when it is due, and what it is in the middle of."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.due_at = time.monotonic()
        self._work: Iterator[None] | None = None
        self._trouble = ""

    def step(self) -> bool:
        """Whether there is more to do at once."""
        if self._work is None:
            self._work = self.job.work()
        try:
            next(self._work)
        except StopIteration:
            self._end(self.job.every_seconds)
            self._trouble = ""
            return False
        except DATABASE_TROUBLE as error:
            self._fail(str(trouble_of(error)))
            return False
        except Exception:  # the others shall go on
            logger.exception("the job %s failed", self.job.name)
            self._end(_REST_AFTER_TROUBLE)
            return False
        return True

    def drop(self) -> None:
        self._work = None

    def _fail(self, trouble: str) -> None:
        """Told once, however long it lasts."""
        if trouble != self._trouble:
            logger.warning("the job %s waits: %s", self.job.name, trouble)
        self._trouble = trouble
        self._end(_REST_AFTER_TROUBLE)
        connection.close()

    def _end(self, rest: float) -> None:
        self._work = None
        self.due_at = time.monotonic() + rest


class Runner:
    """Of one process; `program` is what the lock says of it."""

    def __init__(self, jobs: Sequence[Job], program: str) -> None:
        self._turns = [_Turns(job) for job in jobs]
        self._lock = JobLock(program)
        self._trouble = ""

    def run(self, rest: Callable[[float], bool]) -> None:
        """Until `rest`, which waits so many seconds, says that it is over."""
        try:
            pause = 0.0
            while not rest(pause):
                pause = self._round() if self.has_lock() else LOOKS_EVERY
        finally:
            self._lock.give_back()
            connection.close()

    def run_once(self) -> bool:
        """Whatever is to be done now; False, and nothing, where another program runs the jobs.

        Database trouble is the caller's.
        """
        if not self._lock.take():
            return False
        try:
            for turns in self._turns:
                for _ in turns.job.work():
                    pass
        finally:
            self._lock.give_back()
        return True

    def has_lock(self) -> bool:
        """Whether it is ours, now or still."""
        try:
            require_known_database()
            is_ours, trouble = self._lock.take(), ""
        except DATABASE_TROUBLE as error:
            is_ours, trouble = False, str(trouble_of(error))
        except OSError as error:
            is_ours, trouble = False, f"{error.strerror}: {error.filename}"
        if trouble and trouble != self._trouble:
            logger.warning("the background jobs wait: %s", trouble)
        self._trouble = trouble
        if not is_ours:
            for turns in self._turns:
                turns.drop()
        return is_ours

    def _round(self) -> float:
        """A step of each that is due; for how long there is nothing to do now."""
        now = time.monotonic()
        has_more = [turns.step() for turns in self._turns if turns.due_at <= now]
        if any(has_more):
            return 0.0
        soonest = min(turns.due_at for turns in self._turns)
        return min(LOOKS_EVERY, max(0.0, soonest - time.monotonic()))
