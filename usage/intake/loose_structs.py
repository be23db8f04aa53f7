"""A struct of a JSON object in which some fields are not of their types: those are left out."""

import typing
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decoded(kind: type[S], raw: bytes | msgspec.Raw) -> S:
    """Numbers may be texts. One of UNREADABLE is raised for what is no object at all."""
    values = _object.decode(raw)
    found = kind()
    for field in msgspec.structs.fields(kind):
        part = values.get(field.encode_name)
        if part is not None:
            value = _value(field.type, part)
            if value is not msgspec.NODEFAULT:
                setattr(found, field.name, value)
    return found


def _value(kind: Any, raw: msgspec.Raw) -> Any:
    """NODEFAULT for what is not of that kind, nor an object of which some is."""
    try:
        return msgspec.json.decode(raw, type=kind, strict=False)
    except UNREADABLE:
        pass
    inner = _struct_in(kind)
    try:
        return msgspec.NODEFAULT if inner is None else decoded(inner, raw)
    except UNREADABLE:
        return msgspec.NODEFAULT


@lru_cache(maxsize=256)
def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    """Of a struct, or of one or None."""
    kinds = typing.get_args(kind) or (kind,)
    return next(
        (each for each in kinds if isinstance(each, type) and issubclass(each, msgspec.Struct)),
        None,
    )
