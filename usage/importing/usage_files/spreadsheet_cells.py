"""Cells of CSV that a spreadsheet has saved: read where they still say what they said before.

In many countries it writes a comma before decimals, points or spaces between thousands; of numbers
of twelve digits and more it keeps six, which nobody can restore.
"""

import re

from usage.records import FieldError, InvalidRow

_ROUNDED = re.compile(r"[+-]?\d(?:[.,]\d+)?E[+-]\d{1,3}", re.IGNORECASE)
_THOUSANDS = r"\d{1,3}(?:[. \u00a0\u202f'\u2019]\d{3})+"
_GROUPED = re.compile(_THOUSANDS)
_GROUPED_BY_COMMAS = re.compile(r"\d{1,3}(?:,\d{3})+")
_WITH_COMMA = re.compile(r"[+-]?(?:\d+|" + _THOUSANDS + r"),\d+")
_NO_DIGIT = re.compile(r"[^\d]")
_LOST = (
    "is a number that a spreadsheet has rounded, so that its digits are lost: take the cell from "
    "the file as it was exported"
)


def as_exported(name: str, cell: str) -> str:
    """InvalidRow where digits are lost; `name` is our field's."""
    if not cell or cell.isdigit():
        return cell
    if _ROUNDED.fullmatch(cell) and not _is_small(name):
        raise InvalidRow([FieldError(name, _LOST)])
    if name.endswith("_tokens"):
        is_grouped = _GROUPED.fullmatch(cell) or _GROUPED_BY_COMMAS.fullmatch(cell)
        return _NO_DIGIT.sub("", cell) if is_grouped else cell
    if _is_small(name) and _WITH_COMMA.fullmatch(cell):
        whole, _, decimals = cell.rpartition(",")
        sign = "-" if whole.startswith("-") else ""
        return f"{sign}{_NO_DIGIT.sub('', whole)}.{decimals}"
    return cell


def _is_small(name: str) -> bool:
    """Figures of which a few digits say enough."""
    return name.endswith(("_ms", "_usd"))
