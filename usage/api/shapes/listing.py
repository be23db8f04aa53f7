"""A page of rows, as `GET /_qs/usage` answers it."""

from typing import Any

from usage.answered_row import UsageRow
from usage.api.shapes.values import list_of, shape

UsagePage: Any = shape(
    "UsagePage",
    "Rows, newest first; `next_cursor` leads to those before, and is null at the end.",
    {"usage": list_of(UsageRow), "next_cursor": str | None},
)
