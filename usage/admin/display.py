"""How figures and times read in the admin: figures as on the dashboard, times in its zone."""

import datetime as dt

from django.utils import timezone
from django.utils.html import format_html

from usage import shown_numbers as numbers
from usage.shown_numbers import ABSENT, Number


def count(value: int | None) -> str:
    return _with_tooltip(numbers.count(value))


def milliseconds(value: float | None) -> str:
    return _with_tooltip(numbers.milliseconds(value))


def dollars(value: float | None) -> str:
    return _with_tooltip(numbers.dollars(value))


def moment(value: dt.datetime | None) -> str:
    return ABSENT if value is None else f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"


def exact_moment(value: dt.datetime) -> str:
    return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S.%f %Z}"


def _with_tooltip(number: Number) -> str:
    if not number.exact:
        return number.text
    return format_html('<span title="{}">{}</span>', number.exact, number.text)
