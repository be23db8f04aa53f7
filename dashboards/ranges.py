"""What a dashboard's URL asks for: a time range and models, and the URLs beside it."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils import timezone

from usage.asking import parameters
from usage.asking.filters import UsageFilter
from usage.asking.presets import LAST_DAY, reaching_back
from usage.live_keys import without_keys
from usage.periods import Period, rfc3339

PARAMETERS = ("range", "from", "to", "model")
# What a browser's date and time field sends.
_WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?", re.ASCII)


@dataclass(frozen=True)
class Selection:
    """A range, named by a preset or given by its ends (then `preset` is empty), and models."""

    preset: str
    wanted: UsageFilter

    @property
    def models(self) -> tuple[str, ...]:
        return self.wanted.of("model")

    @property
    def time_parameters(self) -> list[tuple[str, str]]:
        return [("range", self.preset)] if self.preset else self.ends

    @property
    def ends(self) -> list[tuple[str, str]]:
        """The range as the API's `from` and `to`."""
        period = self.wanted.period
        ends = (("from", period.start), ("to", period.end))
        return [(name, rfc3339(moment)) for name, moment in ends if moment is not None]

    def url(
        self,
        time: Sequence[tuple[str, str]] | None = None,
        models: Sequence[str] | None = None,
    ) -> str:
        """The page's URL with this selection, or with another range or other models."""
        chosen_time = self.time_parameters if time is None else time
        chosen_models = self.models if models is None else models
        return "?" + urlencode([*chosen_time, *(("model", name) for name in chosen_models)])


def selection_from(query: QueryDict, now: dt.datetime) -> Selection:
    """The selection of a query string; ApiError names the parameter that cannot be read."""
    parameters.refuse_unknown(query, PARAMETERS)
    wanted = parameters.usage_filter(_with_zones(query), now=now)
    preset = parameters.single(query, "range")
    if wanted.period != Period() and not preset:
        return Selection("", wanted)
    preset = preset or LAST_DAY
    return Selection(preset, replace(wanted, period=reaching_back(preset, now)))


def fallback_selection(query: QueryDict) -> Selection:
    """For the form of a page whose query was refused: the default range, its models kept."""
    names = [name for name in query.getlist("model")[:100] if name and "\0" not in name]
    return Selection(LAST_DAY, UsageFilter(values={"model": tuple(map(without_keys, names))}))


def field_value(moment: dt.datetime | None) -> str:
    """A moment as a browser's date and time field takes it: local, without a zone."""
    if moment is None:
        return ""
    precision = "seconds" if moment.second else "minutes"
    return local(moment).replace(tzinfo=None).isoformat(timespec=precision)


def local(moment: dt.datetime) -> dt.datetime:
    """In the displayed zone; unchanged where the calendar has no such local time."""
    try:
        return timezone.localtime(moment)
    except (OverflowError, ValueError):
        return moment


def _with_zones(query: QueryDict) -> QueryDict:
    """Times without a zone are in the displayed one; all else is the API's to judge."""
    zoned = query.copy()
    for name in ("from", "to"):
        text = parameters.single(query, name).strip()
        if _WITHOUT_ZONE.fullmatch(text):
            zoned[name] = _zoned(text)
    return zoned


def _zoned(text: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(text)
        return rfc3339(moment.replace(tzinfo=timezone.get_current_timezone()))
    except (ValueError, OverflowError):
        return text
