"""Filters on usage_metrics, and changes that the sums follow, whatever engine keeps the rows."""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Self

from django.db import models, transaction
from django.db.models import Q

from usage import kept_texts
from usage.database import extensions
from usage.database.compression import without_bound
from usage.database.statements import slices
from usage.models import chunked, distributed
from usage.models.usage_name import counts_as_other
from usage.periods import Period
from usage.rollups import keeping, names
from usage.rollups.aggregation import OTHER
from usage.rollups.declarations import DIMENSIONS, SUMMED
from usage.statuses import SUCCESS_WORDS

if TYPE_CHECKING:
    from usage.models.usage_metric import UsageMetric


def has_failed(column: str = "status") -> Q:
    """Rows without a status count as successes: the client did not report a failure."""
    return (
        Q(**{f"{column}__isnull": False})
        & ~Q(**{f"{column}__in": SUCCESS_WORDS})
        & (Q(**{f"{column}__lt": "100"}) | Q(**{f"{column}__gte": "400"}))
    )


FAILED = has_failed()


class WouldPassTheSumsBy(ValueError):
    """A change of which nobody could tell the sums: the database alone knows which rows it met."""

    def __init__(self) -> None:
        super().__init__(
            "bulk_create(update_conflicts=True) would change rows and not their sums: create what "
            "is new with ignore_conflicts=True, and change what is known with bulk_update or "
            "update_or_create"
        )


class UsageMetricQuerySet(models.QuerySet["UsageMetric"]):
    """Chainable filters, and changes that the sums follow; aggregates are in `usage.queries`.

    On TimescaleDB changes of more than 5,000 rows, or of a few hundred compressed ones, are made
    a chunk at a time, each in transactions of its own where the caller has none.
    """

    def within(self, period: Period) -> Self:
        rows = self
        if period.start is not None:
            rows = rows.filter(timestamp__gte=period.start)
        if period.end is not None:
            rows = rows.filter(timestamp__lte=period.end)
        return rows

    def counted(self) -> Self:
        """What figures are made of: neither warm-ups nor suppressed duplicates."""
        return self.filter(excluded_as=None)

    def having(self, dimension: str, values: Sequence[str]) -> Self:
        """Rows with any of the values; `(other)` is what counts so where sums are made."""
        return self.filter(_has_any(dimension, values))

    def lacking(self, dimension: str, values: Sequence[str]) -> Self:
        """The others."""
        return self.exclude(_has_any(dimension, values))

    def newest_first(self) -> Self:
        return self.order_by("-timestamp", "-id")

    def earlier_than(self, timestamp: dt.datetime, row_id: int) -> Self:
        """What follows that row in `newest_first`; the outer bound lets an index find it."""
        earlier = Q(timestamp__lt=timestamp) | Q(id__lt=row_id)
        return self.filter(earlier, timestamp__lte=timestamp)

    def pages(self, columns: Sequence[str], size: int) -> Iterator[list[tuple[Any, ...]]]:
        """All rows newest first, a page a query: a reader that pauses keeps no snapshot.

        The columns, among which are `timestamp` and `id`; the last page may be empty.
        """
        at, row_id = columns.index("timestamp"), columns.index("id")
        rows, page = self.newest_first(), None
        while page is None or len(page) == size:
            after = rows if page is None else rows.earlier_than(page[-1][at], page[-1][row_id])
            page = list(after.values_list(*columns)[:size])
            yield page

    def bulk_create(
        self,
        objs: Iterable["UsageMetric"],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,  # noqa: FBT002  # as Django has it
        update_conflicts: bool = False,  # noqa: FBT002
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> Any:
        if update_conflicts:
            raise WouldPassTheSumsBy
        rows = list(objs)
        for row in rows:
            row.is_summed = None
            row.keep_texts()
        with transaction.atomic():
            names.agree_early(map(vars, rows))
            if extensions.is_distributed():
                made = self._bulk_create_on_nodes(rows, batch_size, ignore_conflicts)
            else:
                made = super().bulk_create(rows, batch_size, ignore_conflicts)
            keeping.add_rows(
                [row.pk for row in made if row.pk is not None], chunked.place_among(rows)
            )
        return made

    def _bulk_create_on_nodes(
        self, rows: list["UsageMetric"], batch_size: int | None, ignore_conflicts: bool
    ) -> Any:
        distributed.give_identities_and_keys(rows, with_keys=not ignore_conflicts)
        made = super().bulk_create(rows, batch_size, ignore_conflicts)
        if not ignore_conflicts:
            distributed.read_defaults(made)
        return made

    def select_for_update(self, *args: Any, **kwargs: Any) -> Self:
        """Citus locks chosen rows of one node only, TimescaleDB no compressed ones.

        There a change itself locks what it changes.
        """
        if extensions.is_distributed() or extensions.is_hypertable():
            return self.all()
        return super().select_for_update(*args, **kwargs)

    def update(self, **values: Any) -> int:
        if "event_id" in values and extensions.is_distributed():
            raise distributed.IdentityIsFixed
        values |= kept_texts.changes(values)
        if extensions.is_hypertable():
            return sum(self.update_in_chunks(**values))
        with transaction.atomic():
            names.agree_early([values])
            ids = list(self.order_by("pk").values_list("pk", flat=True))
            keeping.take_out_rows(ids)
            changed = 0
            for part in slices(ids):
                # Those alone: a row that came meanwhile would change without its sums.
                some = self.filter(pk__in=part)
                changed += some._set(values)
            keeping.add_rows(ids)
        return changed

    def delete(self) -> tuple[int, dict[str, int]]:
        if extensions.is_hypertable():
            deleted = sum(self._in_chunks(self._delete_steps))
        else:
            with transaction.atomic():
                ids = list(self.order_by("pk").values_list("pk", flat=True))
                keeping.take_out_rows(ids)
                deleted = 0
                for part in slices(ids):
                    some = self.model.objects.filter(pk__in=part)
                    deleted += some.delete_but_keep_sums()
        return deleted, {self.model._meta.label: deleted} if deleted else {}

    def update_in_chunks(self, **values: Any) -> Iterator[int]:
        """The same on a hypertable; how many rows changed in each transaction."""
        return self._in_chunks(lambda group: self._update_steps(group, values), values)

    def _in_chunks(
        self,
        change: Callable[[list[chunked.ChangeStep]], int],
        values: Mapping[str, Any] | None = None,
    ) -> Iterator[int]:
        """Of a hypertable, whose rows get these values; how many changed in each transaction."""
        with closing(chunked.steps(self)) as groups:
            for group in groups:
                with transaction.atomic():
                    names.agree_early([values or {}])
                    for step in group:
                        step.begin()
                    changed = change(group)
                yield changed

    def _update_steps(self, group: list[chunked.ChangeStep], values: dict[str, Any]) -> int:
        keeping.take_out_portions([(step.ids, step.place) for step in group])
        if not chunked.fixed(values):
            changed = self._set_steps(group, values)
            places = [step.place and step.place.of_any_key() for step in group]
        else:
            moved = [chunked.put_elsewhere(step.of(self), values) for step in group]
            changed, places = sum(count for count, _ in moved), [place for _, place in moved]
        keeping.add_portions([(step.ids, at) for step, at in zip(group, places, strict=True)])
        return changed

    def _set_steps(self, group: list[chunked.ChangeStep], values: dict[str, Any]) -> int:
        with without_bound():
            return sum(step.of(self)._set(values) for step in group)

    def _set(self, values: dict[str, Any]) -> int:
        return super().update(**values)

    def _delete_steps(self, group: list[chunked.ChangeStep]) -> int:
        keeping.take_out_portions([(step.ids, step.place) for step in group])
        with without_bound():
            every = self.model.objects.all()
            return sum(step.of(every).delete_but_keep_sums() for step in group)

    def delete_but_keep_sums(self) -> int:
        """For purging: history keeps its figures. How many rows went."""
        return super().delete()[0]


def dimension_condition(dimension: str, values: Sequence[str], column: str = "") -> Q:
    """What `having` means without `(other)`, on a column that holds values of the dimension.

    "" is what has no value.
    """
    column = column or dimension
    wanted = Q()
    if named := [value for value in values if value]:
        has_patterns = DIMENSIONS[dimension].has_patterns
        wanted = _status_condition(named, column) if has_patterns else Q(**{f"{column}__in": named})
    if "" in values:
        wanted |= Q(**{f"{column}__isnull": True}) | Q(**{column: ""})
    return wanted


def _has_any(dimension: str, values: Sequence[str]) -> Q:
    wanted = dimension_condition(dimension, values)
    is_other = OTHER in values and dimension in SUMMED
    return wanted | counts_as_other(dimension) if is_other else wanted


def _status_condition(patterns: Sequence[str], column: str) -> Q:
    """Any of the patterns: `429`, a class such as `4xx`, or `error`."""
    wanted = Q()
    for pattern in map(str.lower, patterns):
        if pattern == "error":
            wanted |= has_failed(column)
        elif len(pattern) == 3 and pattern[0].isdigit() and pattern.endswith("xx"):
            ends = {f"{column}__gte": f"{pattern[0]}00", f"{column}__lte": f"{pattern[0]}99"}
            wanted |= Q(**ends)
        else:
            wanted |= Q(**{column: pattern})
    return wanted
