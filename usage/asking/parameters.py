"""Query parameters: parsed once, each fault a 400 that names the parameter."""

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.http import QueryDict
from django.utils import timezone

from usage.asking.filters import UsageFilter
from usage.asking.presets import PRESETS, reaching_back
from usage.asking.refusal import ApiError
from usage.live_keys import kept, without_keys
from usage.models import UsageMetric
from usage.periods import UTC, Period, parse_moment
from usage.rollups.declarations import DIMENSIONS, SUMMED

NOT = "not_"  # before the name of a dimension: leaves out what it would ask for
FILTERS = ("from", "to", "range", *SUMMED)
ROW_FILTERS = ("from", "to", "range", *DIMENSIONS)  # of what asks for rows instead of figures
MOST_VALUES = 100
LONGEST = {field.name: field.max_length or 0 for field in UsageMetric._meta.concrete_fields}


def usage_filter(
    query: QueryDict, known: Sequence[str] = FILTERS, now: dt.datetime | None = None
) -> UsageFilter:
    """The filters of a request. An empty value of a dimension that rows need not have asks for
    those without one; any other is the same as none, as in an HTML form."""
    period = _period(query, now or timezone.now())
    names = [name for name in DIMENSIONS if name in known]
    return UsageFilter(
        period,
        {name: _values(query, name, name) for name in names},
        {name: _values(query, f"{NOT}{name}", name) for name in names},
    )


def refuse_unknown(query: QueryDict, known: Iterable[str]) -> None:
    """A filter that is not understood would silently answer about something else."""
    known = sorted(known)
    for name in query:
        if name not in known and not name.startswith("_"):  # `_=123` only defeats caches
            name = without_keys(name)  # noqa: PLW2901  # before it is cut
            shown = name if name.isprintable() else ascii(name)
            raise ApiError(
                400,
                f"`{shown[:80]}` is not a parameter here: use {', '.join(known)}",
                parameter=shown[:80],
            )


def flag(query: QueryDict, name: str) -> bool:
    text = single(query, name).lower()
    if text not in ("", "true", "false", "1", "0"):
        raise ApiError(400, f"`{name}` must be true or false", parameter=name)
    return text in ("true", "1")


def either(query: QueryDict, name: str, other_name: str) -> str:
    """Under which of two names a parameter is given; the first where it is under neither."""
    if not other_name or not query.get(other_name):
        return name
    if query.get(name):
        message = f"`{other_name}` is another name of `{name}`: give one of them"
        raise ApiError(400, message, parameter=other_name)
    return other_name


def choice(query: QueryDict, name: str, choices: Sequence[str], default: str = "") -> str:
    """One of the choices, or the default where none is given."""
    text = single(query, name)
    if text and text not in choices:
        raise ApiError(400, f"`{name}` must be {' or '.join(choices)}", parameter=name)
    return text or default


def one_or_two(query: QueryDict, name: str, choices: Sequence[str], default: str) -> str:
    """One of the choices, or two of them joined by a comma."""
    text = single(query, name) or default
    words = text.split(",")
    if len(words) > 2 or len(set(words)) < len(words) or not set(words) <= set(choices):
        message = f"`{name}` must be {' or '.join(choices)}, or two of these joined by a comma"
        raise ApiError(400, message, parameter=name)
    return text


def whole_number(query: QueryDict, name: str, most: int, default: int) -> int:
    """From 1 to `most`; the default where none is given."""
    text = single(query, name)
    if not text:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    if not is_number or not 1 <= int(text) <= most:
        raise ApiError(400, f"`{name}` must be a whole number from 1 to {most}", parameter=name)
    return int(text)


def zone(query: QueryDict, name: str) -> ZoneInfo:
    """A zone by its IANA name; UTC where none is given."""
    # A `+` in a URL arrives as a space, which no zone has in its name.
    key = single(query, name).replace(" ", "+") or UTC.key
    if key not in _zone_names():
        example = "an IANA time zone such as Europe/Prague"
        raise ApiError(400, f"`{name}` must be {example}", parameter=name)
    return ZoneInfo(key)


def single(query: QueryDict, name: str) -> str:
    """A parameter that may be given once; "" when it is not."""
    values = query.getlist(name)
    if len(values) > 1:
        raise ApiError(400, f"`{name}` is given {len(values)} times: give it once", parameter=name)
    return _checked(name, values[0]) if values else ""


def _period(query: QueryDict, now: dt.datetime) -> Period:
    """Between `from` and `to`, or back from now as `range` has it."""
    period = Period(_moment(query, "from"), _moment(query, "to"))
    if period.start and period.end and period.start > period.end:
        raise ApiError(400, "`from` is later than `to`: swap them", parameter="from")
    preset = single(query, "range")
    if not preset:
        return period
    if period != Period():
        message = "give either `range` or `from` and `to`, not both"
        raise ApiError(400, message, parameter="range")
    if preset not in PRESETS:
        message = f"`range` is {without_keys(preset)[:40]!r}: use {', '.join(PRESETS)}"
        raise ApiError(400, message, parameter="range")
    return reaching_back(preset, now)


def _moment(query: QueryDict, name: str) -> dt.datetime | None:
    text = single(query, name)
    if not text:
        return None
    try:
        return parse_moment(text)
    except ValueError as error:
        raise ApiError(400, f"`{name}` {error}", parameter=name) from None


def _values(query: QueryDict, name: str, dimension: str) -> tuple[str, ...]:
    """As rows keep them: whoever asks for a key finds what is kept in its place."""
    takes_none = not DIMENSIONS[dimension].is_required
    given = (value for value in query.getlist(name) if value or takes_none)
    values = tuple(dict.fromkeys(kept(dimension, _checked(name, value)) for value in given))
    if len(values) > MOST_VALUES:
        message = f"`{name}` has more than {MOST_VALUES} values: ask for fewer at a time"
        raise ApiError(400, message, parameter=name)
    longest = LONGEST[dimension]
    if any(len(value) > longest for value in values):
        message = f"`{name}` is longer than {longest} characters, which none is that is stored"
        raise ApiError(400, message, parameter=name)
    return values


def _checked(name: str, value: str) -> str:
    if "\0" in value or any(0xD800 <= ord(character) < 0xE000 for character in value):
        raise ApiError(400, f"`{name}` must not contain control characters", parameter=name)
    return value


@cache
def _zone_names() -> frozenset[str]:
    """Looked up once: it reads hundreds of files."""
    return frozenset({UTC.key, *available_timezones()})
