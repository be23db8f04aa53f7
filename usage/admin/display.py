"""How figures and times read in the admin: thousands separated, display time zone."""

import datetime as dt

from django.utils import timezone

NOTHING = "-"


def number(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def milliseconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f} ms"


def dollars(value: float | None) -> str:
    return "not priced" if value is None else f"${value:,.6f}"


def moment(value: dt.datetime | None) -> str:
    return NOTHING if value is None else f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"


def exact_moment(value: dt.datetime) -> str:
    return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S.%f %Z}"
