"""CSV cells that a spreadsheet would run as formulas: an apostrophe before them makes them text."""

import re

# Spreadsheets pass over what is invisible, and take the full-width and small forms for the others.
_INVISIBLE = "\\s\u200b-\u200f\u2060\ufeff"
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
_BEGINNING = f"(?:[\t\r\n]|[{_INVISIBLE}]*[{_SIGNS}])"
_FORMULA = re.compile(f"'*{_BEGINNING}")
_QUOTED = re.compile(f"'+{_BEGINNING}")


def as_text(cell: str) -> str:
    """The cell as a spreadsheet shows it and runs nothing."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def as_meant(cell: str) -> str:
    """What `as_text` was given."""
    return cell[1:] if _QUOTED.match(cell) else cell
