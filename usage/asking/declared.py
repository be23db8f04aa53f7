"""Query parameters as declarations: each reads itself, and says what OpenAPI tells of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.http import QueryDict

from usage.asking import parameters
from usage.asking.parameters import NOT
from usage.asking.presets import PRESETS
from usage.rollups.declarations import DIMENSIONS

Schema = dict[str, Any]


@dataclass(frozen=True)
class Text:
    """Any text, given once."""

    name: str
    help: str
    schema: ClassVar[Schema] = {"type": "string"}

    def of(self, query: QueryDict) -> str:
        return parameters.single(query, self.name)


@dataclass(frozen=True)
class Choice:
    """One of some words; `other_name` is one that the parameter has as well."""

    name: str
    help: str
    choices: tuple[str, ...]
    default: str = ""
    other_name: str = ""

    @property
    def schema(self) -> Schema:
        default = {"default": self.default} if self.default else {}
        return {"type": "string", "enum": [*self.choices], **default}

    def of(self, query: QueryDict) -> str:
        name = parameters.either(query, self.name, self.other_name)
        return parameters.choice(query, name, self.choices, self.default)

    @property
    def under_other_name(self) -> "Choice":
        """To be described beside it."""
        says = f"Another name of {self.name}."
        return Choice(self.other_name, says, self.choices, self.default)


@dataclass(frozen=True)
class Joined:
    """One of some words, or two of them joined by a comma."""

    name: str
    help: str
    choices: tuple[str, ...]
    default: str

    @property
    def schema(self) -> Schema:
        pairs = [",".join(pair) for pair in permutations(self.choices, 2)]
        return {"type": "string", "enum": [*self.choices, *pairs], "default": self.default}

    def of(self, query: QueryDict) -> str:
        return parameters.one_or_two(query, self.name, self.choices, self.default)


@dataclass(frozen=True)
class WholeNumber:
    """From 1 to `most`."""

    name: str
    help: str
    most: int
    default: int

    @property
    def schema(self) -> Schema:
        return {"type": "integer", "minimum": 1, "maximum": self.most, "default": self.default}

    def of(self, query: QueryDict) -> int:
        return parameters.whole_number(query, self.name, self.most, self.default)


@dataclass(frozen=True)
class Flag:
    """True or false; where it is not given, `default`."""

    name: str
    help: str
    default: bool = False

    @property
    def schema(self) -> Schema:
        return {"type": "boolean", "default": self.default}

    def of(self, query: QueryDict) -> bool:
        given = parameters.single(query, self.name)
        return parameters.flag(query, self.name) if given else self.default


@dataclass(frozen=True)
class Zone:
    """An IANA time zone."""

    name: str
    help: str
    schema: ClassVar[Schema] = {"type": "string", "default": "UTC", "example": "Europe/Prague"}

    def of(self, query: QueryDict) -> ZoneInfo:
        return parameters.zone(query, self.name)


@dataclass(frozen=True)
class Filter:
    """A part of `parameters.usage_filter`, which reads it with the others."""

    name: str
    help: str
    schema: Schema


Declared = Text | Choice | Joined | WholeNumber | Flag | Zone | Filter
_RANGE = "Back from now, in the place of `from` and `to`."
_END = "RFC 3339 time or date (its midnight in UTC), included."


def filters(names: Iterable[str]) -> tuple[Filter | Choice, ...]:
    """Of the names in `parameters.FILTERS` or ROW_FILTERS, and what leaves values out."""
    names = list(names)
    dimensions = [name for name in names if name in DIMENSIONS]
    return (
        *(_end(name) for name in names if name in ("from", "to")),
        *(Choice(name, _RANGE, (*PRESETS,)) for name in names if name == "range"),
        *(_dimension(name, name, DIMENSIONS[name].filter_help) for name in dimensions),
        *(
            _dimension(f"{NOT}{name}", name, f"Leaves out what {name} asks for.")
            for name in dimensions
        ),
    )


def parameter_names(declared: Iterable[Declared]) -> list[str]:
    return [each.name for each in declared]


def _end(name: str) -> Filter:
    return Filter(name, _END, {"type": "string", "format": "date-time"})


def _dimension(name: str, dimension: str, says: str) -> Filter:
    items = {"type": "string", "maxLength": parameters.LONGEST[dimension]}
    schema = {"type": "array", "items": items, "maxItems": parameters.MOST_VALUES}
    if not DIMENSIONS[dimension].is_required:
        says = f"{says[:-1]}; empty: what has none."
    return Filter(name, says, schema)
