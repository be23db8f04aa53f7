"""What senders tell of upstream accounts beside their rows: what is used of quotas, and names.

An *account* is a credential with which a gateway asks a provider. Its *windows* are the spans of
time for which the provider limits it, such as five hours; a *reading* is what one answer told.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from usage.incoming_row import LONGEST_NAME, LONGEST_TEXT
from usage.live_keys import begins_as_key, first_key

LONGEST_SPAN = 16
LONGEST_STATUS = 32
LONGEST_KIND = 32
HISTORY = dt.timedelta(days=7)  # for which what an hour told is kept
_LENGTH = re.compile("([0-9]{1,5})([mhd])")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]+")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
LONGEST_WINDOW_LASTS = dt.timedelta(days=400)
_MOST_TOLD = 10_000  # of one post, or while the database is away
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class UpstreamKey(NamedTuple):
    """An account by who told of it and its id there, as rows have both."""

    source: str
    account: str


class QuotaReading(msgspec.Struct, frozen=True, gc=False):
    """Of one window at one time: what is used of it, or whether the provider goes on answering."""

    source: str
    account: str
    span: str  # how long the window is: 5h, 7d
    at: dt.datetime
    used_ratio: float | None = None  # 0 to 1, and above where more was used than there was
    resets_at: dt.datetime | None = None
    status: str | None = None
    provider: str | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.source, self.account, self.span

    @property
    def hour(self) -> int:
        """Its beginning, in Unix seconds."""
        return int((self.at - _EPOCH).total_seconds()) // 3_600 * 3_600


class AccountName(msgspec.Struct, frozen=True, gc=False):
    """What a person calls the account."""

    label: str
    provider: str | None = None
    kind: str | None = None  # of credential, such as oauth


_Hour = tuple[str, str, str, int]


@dataclass
class AccountsTold:
    """Of many records: of each hour of a window the last, and of each account the last name."""

    hours: dict[_Hour, QuotaReading] = field(default_factory=dict)
    names: dict[UpstreamKey, AccountName] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.hours or self.names)

    def add(self, reading: QuotaReading) -> None:
        place = (*reading.key, reading.hour)
        known = self.hours.get(place)
        if known is not None:
            self.hours[place] = later(known, reading)
        elif len(self.hours) < _MOST_TOLD:
            self.hours[place] = reading

    def name(self, account: UpstreamKey, name: AccountName) -> None:
        if account in self.names or len(self.names) < _MOST_TOLD:
            self.names[account] = name

    def add_all(self, other: "AccountsTold") -> None:
        for reading in other.hours.values():
            self.add(reading)
        for account, name in other.names.items():
            self.name(account, name)

    def states(self) -> Iterator[QuotaReading]:
        """The last of each window."""
        found: dict[tuple[str, str, str], QuotaReading] = {}
        for reading in self.hours.values():
            known = found.get(reading.key)
            found[reading.key] = reading if known is None else later(known, reading)
        yield from found.values()


def told_together(parts: Iterable[AccountsTold]) -> AccountsTold:
    """Theirs are left as they are."""
    found = AccountsTold()
    for part in parts:
        found.add_all(part)
    return found


def later(one: QuotaReading, other: QuotaReading) -> QuotaReading:
    """The newer of two; of two of one time the one that tells of more use."""
    return max(one, other, key=lambda reading: (reading.at, _told_use(reading)))


def _told_use(reading: QuotaReading) -> float:
    return -1.0 if reading.used_ratio is None else reading.used_ratio


def name_of(candidates: Iterable[Any], provider: Any, kind: Any) -> AccountName | None:
    """By the first of them that is a text; one with an API key in it never becomes a name."""
    for each in candidates:
        label = _plain(each, LONGEST_TEXT)
        if label is not None:
            return AccountName(label, _plain(provider, LONGEST_NAME), _plain(kind, LONGEST_KIND))
    return None


def _plain(text: Any, longest: int) -> str | None:
    if not isinstance(text, str) or begins_as_key(text) or first_key(text) is not None:
        return None
    return _CONTROLS.sub(" ", text[: 2 * longest]).strip()[:longest].strip() or None


def span_of(minutes: float) -> str | None:
    """The name of a window of that length, of which some providers tell a minute or two less."""
    if not 1 <= minutes <= LONGEST_WINDOW_LASTS.total_seconds() / 60:
        return None
    hours = round(minutes / 60)
    if hours and abs(minutes - 60 * hours) <= 3:
        return f"{hours}h" if hours % 24 else f"{hours // 24}d"
    return f"{round(minutes)}m"


def duration_of(span: str) -> dt.timedelta:
    found = _LENGTH.match(span)
    return (
        LONGEST_WINDOW_LASTS
        if found is None
        else dt.timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
    )


def unknown_since(span: str, at: dt.datetime, resets_at: dt.datetime | None) -> dt.datetime:
    """From when on a reading tells nothing any more: no window lasts longer than its length."""
    return at + duration_of(span) if resets_at is None else resets_at
