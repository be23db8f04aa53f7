"""Years, months, days and hours to choose from, by arithmetic on the first and last time."""

import datetime as dt
import re
from dataclasses import dataclass

from django.utils import timezone

from usage.periods import Period

_TEXT = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d))?)?)?", re.ASCII)
_YEARS = range(1970, 9999)


@dataclass(frozen=True)
class DrillLink:
    """A link of the drill-down: `value` is the URL's `when`."""

    value: str
    label: str


@dataclass(frozen=True)
class DateSpan:
    """A year, month, day or hour of the display time zone: its first moment and the next one's."""

    parts: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> "DateSpan | None":
        """From `2026`, `2026-01`, `2026-01-15` or `2026-01-15T10`; None when it is none of them."""
        match = _TEXT.fullmatch(text)
        if match is None or int(match[1]) not in _YEARS:
            return None
        span = cls(tuple(int(part) for part in match.groups() if part is not None))
        try:
            span.start()
        except ValueError:
            return None
        return span

    def start(self) -> dt.datetime:
        year, month, day, hour = (*self.parts, *(0, 1, 1, 0)[len(self.parts) :])
        return dt.datetime(year, month, day, hour, tzinfo=timezone.get_current_timezone())

    def end(self) -> dt.datetime:
        """The first moment after it. On the day the clocks go back an hour may last two."""
        start = self.start()
        match len(self.parts):
            case 1:
                return start.replace(year=start.year + 1)
            case 2:
                return (start + dt.timedelta(days=32)).replace(day=1)
            case 3:
                return start + dt.timedelta(days=1)  # of the calendar: as long as it is there
            case _:
                return start + dt.timedelta(hours=1)

    def period(self) -> Period:
        last = self.end().astimezone(dt.UTC) - dt.timedelta(microseconds=1)
        return Period(self.start().astimezone(dt.UTC), last)

    def choice(self) -> DrillLink:
        start = self.start()
        value, label = (
            ("%Y", "%Y"),
            ("%Y-%m", "%b"),
            ("%Y-%m-%d", "%a %-d"),
            ("%Y-%m-%dT%H", "%H:00"),
        )[len(self.parts) - 1]
        return DrillLink(start.strftime(value), start.strftime(label))

    def parents(self) -> list["DateSpan"]:
        return [DateSpan(self.parts[:length]) for length in range(1, len(self.parts))]

    def children(self) -> list["DateSpan"]:
        """The next finer spans within it; none within an hour."""
        children = []
        match len(self.parts):
            case 1:
                children = [DateSpan((*self.parts, month)) for month in range(1, 13)]
            case 2:
                last = (self.end() - dt.timedelta(days=1)).day
                children = [DateSpan((*self.parts, day)) for day in range(1, last + 1)]
            case 3:
                children = [DateSpan((*self.parts, hour)) for hour in range(24)]
        return children

    def overlaps(self, oldest: dt.datetime, newest: dt.datetime) -> bool:
        period = self.period()
        assert period.start is not None
        assert period.end is not None
        return max(period.start, oldest) <= min(period.end, newest)


@dataclass(frozen=True)
class DrillDown:
    """Where one stands (`trail`, the chosen span last) and where one can go (`choices`)."""

    trail: list[DrillLink]
    choices: list[DrillLink]

    @classmethod
    def of(
        cls, chosen: DateSpan | None, range_: tuple[dt.datetime, dt.datetime] | None
    ) -> "DrillDown":
        trail = [span.choice() for span in [*chosen.parents(), chosen]] if chosen else []
        if range_ is None:
            return cls(trail, [])
        oldest, newest = range_
        if chosen is not None:
            spans = chosen.children()
        else:
            years = range(timezone.localtime(oldest).year, timezone.localtime(newest).year + 1)
            spans = [DateSpan((year,)) for year in years]
        return cls(trail, [span.choice() for span in spans if span.overlaps(oldest, newest)])
