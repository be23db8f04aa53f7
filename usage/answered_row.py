"""A stored row as it is answered: a Struct made from the table's columns."""

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from django.db import models
from msgspec import Meta

from usage.account_labels import AccountLabels
from usage.models import UsageMetric
from usage.pricing.sources import SOURCES

_MOMENT = Meta(extra_json_schema={"format": "date-time"})
_INT64 = Meta(extra_json_schema={"format": "int64"})
_KINDS: tuple[tuple[Any, Any], ...] = (
    (models.BooleanField, bool),
    (models.IntegerField, Annotated[int, _INT64]),
    (models.FloatField, float),
    (models.DateTimeField, Annotated[dt.datetime, _MOMENT]),
    (models.CharField, str),
)
_WORDS = {
    "cost_source": SOURCES,
    "excluded_as": tuple(UsageMetric.Exclusion.values),
}
# What an id is made of is nobody else's matter.
_FIELDS = [field for field in UsageMetric._meta.concrete_fields if field.name != "event_id"]
COLUMNS = tuple(field.name for field in _FIELDS)


def _kind_of(field: Any) -> Any:
    """Bounds are of what is sent: plain SQL may have written a longer name."""
    kind = next(kind for column, kind in _KINDS if isinstance(field, column))
    if field.name in _WORDS:
        kind = Literal[_WORDS[field.name]]
    if field.null:
        kind = kind | None
    return Annotated[kind, Meta(description=field.help_text)] if field.help_text else kind


_SOURCE, _ACCOUNT = COLUMNS.index("source"), COLUMNS.index("account")
ANSWERED = (*COLUMNS, "account_label")
AccountLabel = Annotated[
    str | None, Meta(description="What people call the account, where that is known.")
]

# With one value for each of COLUMNS, in their order, and the label of the account.
UsageRow: Any = msgspec.defstruct(
    "UsageRow",
    [*((field.name, _kind_of(field)) for field in _FIELDS), (ANSWERED[-1], AccountLabel)],
    namespace={"__doc__": "A row as it is stored. No figure counts those with `excluded_as`."},
    module=__name__,
    frozen=True,
    gc=False,
)


def label_of(values: Sequence[Any], labels: AccountLabels) -> str | None:
    """Of a row's account; `values` are its COLUMNS."""
    return labels.of(values[_SOURCE], values[_ACCOUNT])
