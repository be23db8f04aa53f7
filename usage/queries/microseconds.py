"""Moments as microseconds since 1970, in which ends of ranges are told here."""

import datetime as dt

SECOND = 1_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def microseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(microseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=microseconds)


# A year off both ends of the calendar, where no zone can make it overflow.
FIRST = microseconds(dt.datetime(2, 1, 1, tzinfo=dt.UTC))
LAST = microseconds(dt.datetime(9999, 1, 1, tzinfo=dt.UTC))
