"""Values of loose types, as SQLite's columns and CSV's cells hold them, made strict."""

import re
from typing import Any

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
_REAL_NUMBER = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?")


def decoded(value: Any) -> Any:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def text(value: Any) -> Any:
    """Ids and statuses may be numbers. "" is absent. What is no scalar is left to the record."""
    value = decoded(value)
    if isinstance(value, bool | dict | list):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value) or None


def whole(value: Any) -> Any:
    """An integer where the value means one; else itself, which the record refuses."""
    value = decoded(value)
    if isinstance(value, str):
        value = value.strip()
        if _WHOLE_NUMBER.fullmatch(value):
            return int(value)
        return value or None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def real(value: Any) -> Any:
    value = decoded(value)
    if isinstance(value, str):
        value = value.strip()
        return float(value) if _REAL_NUMBER.fullmatch(value) else value or None
    return value
