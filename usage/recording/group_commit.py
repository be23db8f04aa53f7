"""Batches that wait at the same time share one transaction, and the price of its commit."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import DataError, IntegrityError, connection

from usage.database.transactions import in_write_transaction
from usage.database.trouble import busy
from usage.heard import DUPLICATES, ROWS, WRAPPERS_OF_LESS, Entry, Heard, Origin
from usage.recording import account_states, idempotency, ledger
from usage.recording.idempotency import Post
from usage.recording.writer import RecordingResult, store
from usage.records import UsageRecord
from usage.traced import Traces, merged
from usage.upstream_accounts import AccountsTold, told_together

_MOST_ROWS = 2_000  # in a shared transaction, so that nobody waits long for others' rows
_LONGEST_WAIT = 10.0  # seconds; then the client is told that the database is busy


class _NotAllNew(Exception):
    """Some rows or keys of a shared transaction came before, so each batch must be told apart."""


def _no_answer(_: RecordingResult) -> dict[str, Any]:
    return {}


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(eq=False)
class Submission:
    """A batch that a thread waits for. With a post, `answer` is given to each of its copies."""

    records: Sequence[UsageRecord]
    post: Post | None = None
    answer: Callable[[RecordingResult], dict[str, Any]] = _no_answer
    sender: str = ""  # whose turn it takes
    traces: Traces = field(default_factory=dict)  # of its records that are spans
    told: AccountsTold = field(default_factory=AccountsTold)  # only without a post
    origin: Origin | None = None  # None: the ledger does not tell of it
    heard: Heard | None = None  # beside its records

    entries: Counter[Entry] = field(default_factory=Counter)  # of the ledger, if all is new
    result: RecordingResult | None = None
    first_answer: dict[str, Any] | None = None
    is_repetition: bool = False
    error: Exception | None = None
    woken: threading.Lock = field(default_factory=_locked)

    def __post_init__(self) -> None:
        if self.origin is not None:
            self.entries = Heard.of_rows(self.records).entries(self.origin)
            if self.heard:
                self.entries.update(self.heard.entries(self.origin))

    @property
    def is_done(self) -> bool:
        return self.result is not None or self.is_repetition or self.error is not None

    def fail(self, error: Exception) -> None:
        self.result, self.is_repetition, self.error = None, False, error


def commit(submission: Submission) -> Submission:
    """Store a batch, durable on return; raises what went wrong with it.

    If the caller has opened a transaction, the batch is stored in that one.
    """
    ledger.look_ahead(submission.entries)
    if connection.in_atomic_block:
        _store(submission)
    else:
        _queue.commit(submission)
    if submission.error is not None:
        raise submission.error
    return submission


class _Queue:
    """One thread at a time leads: it stores what waits, then wakes the next one to lead.

    Senders take turns: one with many batches waiting holds nobody up for more than one of them.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[Submission] = deque()
        self._has_leader = False
        self._last_turns: dict[str, int] = {}  # by sender, for as long as anybody waits
        self._turn = 0

    def commit(self, submission: Submission) -> None:
        with self._mutex:
            self._waiting.append(submission)
            leads, self._has_leader = not self._has_leader, True
        if not leads:
            self._wait(submission)
        if not submission.is_done:
            self._lead(submission)

    def _wait(self, submission: Submission) -> None:
        """Return when the submission is stored, or when this thread has to lead."""
        if submission.woken.acquire(timeout=_LONGEST_WAIT):
            return
        with self._mutex:
            if submission.woken.acquire(blocking=False):
                return
            if submission in self._waiting:
                self._waiting.remove(submission)
                raise busy("earlier writes take too long")
        submission.woken.acquire()  # somebody is storing it just now

    def _lead(self, first: Submission) -> None:
        with self._mutex:
            chosen = self._chosen_with(first)
        try:
            _store_all(chosen)
        except BaseException:
            for each in chosen:
                each.fail(busy("the write was broken off"))
            raise
        finally:
            with self._mutex:
                self._hand_on()
            for each in chosen:
                each.woken.release()

    def _hand_on(self) -> None:
        self._has_leader = bool(self._waiting)
        if self._waiting:
            self._in_turns()[0].woken.release()
        else:
            self._last_turns.clear()

    def _chosen_with(self, first: Submission) -> list[Submission]:
        """The leader's own, and others that fit into a transaction with it."""
        self._waiting.remove(first)
        chosen, rows = [first], len(first.records)
        for each in self._in_turns():
            if rows + len(each.records) <= _MOST_ROWS:
                chosen.append(each)
                rows += len(each.records)
                self._waiting.remove(each)
        self._turn += 1
        self._last_turns.update((each.sender, self._turn) for each in chosen)
        return chosen

    def _in_turns(self) -> list[Submission]:
        """One of each sender, then a second one of each; first whose turn is longest ago."""
        seen: Counter[str] = Counter()
        ranks = []
        for place, each in enumerate(self._waiting):
            ranks.append((seen[each.sender], self._last_turns.get(each.sender, 0), place, each))
            seen[each.sender] += 1
        return [each for *_, each in sorted(ranks, key=lambda rank: rank[:3])]


_queue = _Queue()


def _store_all(submissions: list[Submission]) -> None:
    """Together if all of them are new; else each on its own."""
    if len(submissions) > 1 and _is_stored_together(submissions):
        return
    for each in submissions:
        try:
            in_write_transaction(partial(_store, each))
        except Exception as error:  # noqa: BLE001  # raised in the thread that waits for it
            each.fail(error)


def _is_stored_together(submissions: list[Submission]) -> bool:
    """Whether each submission has a result now. False: store each on its own."""
    try:
        in_write_transaction(partial(_store_together, submissions))
    except (_NotAllNew, DataError, IntegrityError):
        return False
    except Exception as error:  # noqa: BLE001  # raised in each thread that waits
        for each in submissions:
            each.fail(error)
        return True
    for each in submissions:
        each.result = RecordingResult(len(each.records), 0)
    return True


def _store_together(submissions: list[Submission]) -> None:
    claims = [(each.post, each) for each in submissions if each.post is not None]
    if claims:
        idempotency.forget_some_old_keys()
    # In one order for all portals, so that two of them cannot wait for each other.
    for post, each in sorted(claims, key=lambda claim: (claim[0].writer, claim[0].key)):
        each.first_answer = each.answer(RecordingResult(len(each.records), 0))
        if not idempotency.claim(post, each.first_answer):
            raise _NotAllNew
    records = [record for each in submissions for record in each.records]
    result = store(records, merged(each.traces for each in submissions))
    if result.duplicates:
        raise _NotAllNew
    account_states.keep(told_together(each.told for each in submissions))
    heard = _of_wrappers(result)
    for each in submissions:
        heard.update(each.entries)
    ledger.add(heard)


def _store(submission: Submission) -> None:
    post = submission.post
    if post is None:
        submission.result = _stored(submission)
        return
    idempotency.forget_some_old_keys()
    submission.is_repetition = not idempotency.claim(post, None)
    if submission.is_repetition:
        submission.first_answer = idempotency.first_answer(post)
        _tell(submission, submission.records)
        return
    result = _stored(submission)
    submission.first_answer = submission.answer(result)
    idempotency.keep_answer(post, submission.first_answer)
    submission.result = result


def _stored(submission: Submission) -> RecordingResult:
    result = store(submission.records, submission.traces)
    account_states.keep(submission.told)
    _tell(submission, result.repeated, _of_wrappers(result))
    return result


def _of_wrappers(result: RecordingResult) -> Counter[Entry]:
    return Counter(
        {
            (source, writer, WRAPPERS_OF_LESS, ""): count
            for (source, writer), count in result.larger_wrappers.items()
            if writer
        }
    )


def _tell(
    submission: Submission, repeated: Sequence[UsageRecord], more: Mapping[Entry, int] | None = None
) -> None:
    """The ledger, of a batch of which some records were stored before."""
    entries = submission.entries
    if more:
        entries = entries.copy()
        entries.update(more)
    if submission.origin is not None and repeated:
        entries = entries.copy()
        for entry, count in Heard.of_rows(repeated).entries(submission.origin).items():
            source, writer, kind, detail = entry
            entries[entry] -= count
            if kind == ROWS:
                entries[source, writer, DUPLICATES, detail] += count
    ledger.add(entries)
