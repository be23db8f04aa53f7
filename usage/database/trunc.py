"""Django's Trunc*, in SQL that each engine reckons with by itself.

Django's own call a Python function for each row on SQLite, and take two hours for one when clocks
are put back. These are told how the zone's clock goes in the time of the rows (`reckonings`); and
where the column holds such begins already (`is_begin`) they are the bare column, so that GROUP BY
goes along its index.
"""

import datetime as dt
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import DateTimeField, functions
from django.db.models.functions.datetime import TruncBase

from usage.database.times import at_unix_seconds, unix_seconds

_EARLY = 10**7 * 86_400  # seconds to be positive by, since SQL divides to zero
_DAY = 86_400
_FROM_DAY = {  # SQLite's
    "day": "{}",
    "week": "date({}, '-6 days', 'weekday 1')",
    "month": "SUBSTR({}, 1, 7) || '-01'",
    "year": "SUBSTR({}, 1, 4) || '-01-01'",
}


class Reckoning(NamedTuple):
    """How a zone's clock goes from a moment on, in seconds since 1970: so far `ahead` of UTC.

    `least` is the earliest begin then, where a clock that was put back would tell one before.
    """

    since: int
    ahead: int
    least: int | None = None


class _AsTold(DateTimeField):  # type: ignore[type-arg]  # generic in stubs only
    """A time of which Django makes nothing, since that takes longer than adding up the sums."""

    def get_internal_type(self) -> str:
        return type(self).__name__


class _Begin(TruncBase):
    convert_value = staticmethod(TruncBase._convert_value_noop)  # type: ignore[attr-defined]
    _answered: dt.tzinfo = dt.UTC  # of what SQL tells

    def __init__(
        self,
        expression: str,
        *,
        tzinfo: ZoneInfo,
        reckonings: tuple[Reckoning, ...],
        is_begin: bool = False,
    ) -> None:
        super().__init__(expression, output_field=_AsTold(), tzinfo=tzinfo)
        self._reckonings, self._is_begin = reckonings, is_begin

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        column, parameters = compiler.compile(self.lhs)
        return column if self._is_begin else self._by_time(column, self._reckonings), parameters

    def moment(self, told: Any) -> dt.datetime:
        """Of what the database tells."""
        found = dt.datetime.fromisoformat(told) if isinstance(told, str) else told
        return found.replace(tzinfo=self._answered)

    def _by_time(self, column: str, reckonings: tuple[Reckoning, ...]) -> str:
        """Few comparisons for each row, however many reckonings there are."""
        if len(reckonings) == 1:
            return self._not_before_least(column, reckonings[0])
        middle = len(reckonings) // 2
        earlier, later = reckonings[:middle], reckonings[middle:]
        return (
            f"CASE WHEN {column} < {at_unix_seconds(str(later[0].since))}"
            f" THEN {self._by_time(column, earlier)} ELSE {self._by_time(column, later)} END"
        )

    def _not_before_least(self, column: str, reckoning: Reckoning) -> str:
        is_sqlite = connection.vendor == "sqlite"
        begin = (self._on_sqlite if is_sqlite else self._on_postgresql)(column, reckoning.ahead)
        if reckoning.least is None:
            return begin
        least = self._shown(reckoning.least)
        return f"MAX({begin}, {least})" if is_sqlite else f"GREATEST({begin}, {least})"

    def _on_sqlite(self, column: str, ahead: int) -> str:
        raise NotImplementedError

    def _on_postgresql(self, column: str, ahead: int) -> str:
        raise NotImplementedError

    def _shown(self, seconds: int) -> str:
        """A moment as the others are answered."""
        return at_unix_seconds(str(seconds))


class _OfClock(_Begin):
    """Moments. Of `ahead` matters what it is beyond whole hours, or minutes."""

    seconds: int

    def _on_sqlite(self, column: str, ahead: int) -> str:
        return self._reckoned(column, ahead)

    def _on_postgresql(self, column: str, ahead: int) -> str:
        return self._reckoned(column, ahead)

    def _reckoned(self, column: str, ahead: int) -> str:
        later = _EARLY + ahead
        return at_unix_seconds(
            f"({unix_seconds(column)} + {later}) / {self.seconds} * {self.seconds} - {later}"
        )


class _OfCalendar(_Begin):
    """Local midnights, which `moment` makes moments."""

    def __init__(self, expression: str, *, tzinfo: ZoneInfo, **how: Any) -> None:
        super().__init__(expression, tzinfo=tzinfo, **how)
        self._answered = tzinfo

    def _on_sqlite(self, column: str, ahead: int) -> str:
        return _FROM_DAY[self.kind].format(_local_day(column, ahead))

    def _on_postgresql(self, column: str, ahead: int) -> str:
        local = f"{column} AT TIME ZONE 'UTC' + INTERVAL '{ahead} seconds'"
        return f"date_trunc('{self.kind}', {local})"

    def _shown(self, seconds: int) -> str:
        if connection.vendor == "sqlite":
            return f"date({seconds}, 'unixepoch')"
        return f"{super()._shown(seconds)} AT TIME ZONE 'UTC'"


class TruncMinutes(_OfClock, functions.TruncMinute):
    """Of so many minutes, which divide an hour."""

    def __init__(self, expression: str, minutes: int, **how: Any) -> None:
        super().__init__(expression, **how)
        self.seconds = 60 * minutes


class TruncHour(_OfClock, functions.TruncHour):
    seconds = 3600

    def _on_sqlite(self, column: str, ahead: int) -> str:
        """By the text as far as it goes, since functions of time take ten times as long."""
        begin = _clock(-ahead % 3600)[3:]
        this, last = f"SUBSTR({column}, 1, 14)", f"SUBSTR(datetime({column}, '-1 hour'), 1, 14)"
        is_before = f"SUBSTR({column}, 15) < '{begin}'"
        return f"CASE WHEN {is_before} THEN {last} ELSE {this} END || '{begin}'"


class TruncDay(_OfCalendar, functions.TruncDay):
    pass


class TruncWeek(_OfCalendar, functions.TruncWeek):
    """From Monday."""


class TruncMonth(_OfCalendar, functions.TruncMonth):
    pass


class TruncYear(_OfCalendar, functions.TruncYear):
    pass


def _local_day(column: str, ahead: int) -> str:
    """SQLite's, by the text as far as it goes: the other day is that of few rows."""
    day = f"SUBSTR({column}, 1, 10)"
    if not ahead:
        return day
    before, after = (
        (day, f"date({column}, '+1 day')") if ahead > 0 else (f"date({column}, '-1 day')", day)
    )
    is_before = f"SUBSTR({column}, 12) < '{_clock(-ahead % _DAY)}'"
    return f"CASE WHEN {is_before} THEN {before} ELSE {after} END"


def _clock(seconds: int) -> str:
    return str(dt.timedelta(seconds=seconds)).zfill(8)
