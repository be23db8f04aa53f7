"""Kinds of values in answers, and how a Struct is made of the fields of others."""

import datetime as dt
from collections.abc import Mapping
from types import GenericAlias
from typing import Annotated, Any

import msgspec
from msgspec import Meta

# A client would take 32 bits otherwise, into which a day's tokens do not fit.
Whole = Annotated[int, Meta(extra_json_schema={"format": "int64"})]
_AS_TIME = Meta(extra_json_schema={"format": "date-time"})
Instant = Annotated[dt.datetime, _AS_TIME]
Moment = Annotated[str, _AS_TIME]  # where the zone is not UTC, or may not be


def optional(kind: Any) -> Any:
    """Of a field that is left out where it has no value."""
    return kind | msgspec.UnsetType


def list_of(kind: Any) -> Any:
    return GenericAlias(list, (kind,))


def shape(name: str, says: str, fields: Mapping[str, Any], *parts: type[msgspec.Struct]) -> Any:
    """A Struct with those fields, then those of the parts; optional ones need no value, and end it.

    Made so, since a class cannot have its own fields before those that it inherits.
    """
    of_parts = {field.name: field.type for part in parts for field in msgspec.structs.fields(part)}
    kinds = {**fields, **of_parts}
    required = [(field, kind) for field, kind in kinds.items() if not _is_optional(kind)]
    left_out = [(field, kind, msgspec.UNSET) for field, kind in kinds.items() if _is_optional(kind)]
    return msgspec.defstruct(
        name,
        [*required, *left_out],
        namespace={"__doc__": says},
        module=__name__,
        frozen=True,
        gc=False,
    )


def optional_of(part: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """A Struct with the same fields, each of which may be left out."""
    kinds = {each.name: optional(each.type) for each in msgspec.structs.fields(part)}
    fields = [(name, kind, msgspec.UNSET) for name, kind in kinds.items()]
    return msgspec.defstruct(f"Optional{part.__name__}", fields, frozen=True, gc=False)


def _is_optional(kind: Any) -> bool:
    return msgspec.UnsetType in getattr(kind, "__args__", ())
