"""One completed LLM request: the table `usage_metrics` and the filters on it."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from usage import engines, live_keys, records
from usage.models import distributed
from usage.models.fields import UtcDateTimeField
from usage.models.usage_name import counts_as_other
from usage.periods import Period
from usage.rollups import keeping, names
from usage.rollups.aggregation import OTHER
from usage.statuses import SUCCESS_WORDS


def has_failed(column: str = "status") -> Q:
    """Rows without a status count as successes: the client did not report a failure."""
    return (
        Q(**{f"{column}__isnull": False})
        & ~Q(**{f"{column}__in": SUCCESS_WORDS})
        & (Q(**{f"{column}__lt": "100"}) | Q(**{f"{column}__gte": "400"}))
    )


FAILED = has_failed()

_IDS_AT_ONCE = 500


class UsageMetricQuerySet(models.QuerySet["UsageMetric"]):
    """Chainable filters, and changes that the sums follow; aggregates are in `usage.queries`."""

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

    def for_models(self, names: Sequence[str]) -> Self:
        return self.filter(_has_name("model", names)) if names else self

    def for_keys(self, hashes: Sequence[str]) -> Self:
        return self.filter(_has_name("api_key_hash", hashes)) if hashes else self

    def for_providers(self, names: Sequence[str]) -> Self:
        return self.filter(_has_name("provider", names)) if names else self

    def for_users(self, names: Sequence[str]) -> Self:
        return self.filter(user__in=names) if names else self

    def with_status(self, patterns: Sequence[str]) -> Self:
        """Rows that match any pattern: `429`, a class such as `4xx`, or `error`."""
        wanted = status_condition(patterns)
        return self.filter(wanted | counts_as_other("status") if OTHER in patterns else wanted)

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

    def bulk_create(self, objs: Iterable["UsageMetric"], *args: Any, **kwargs: Any) -> Any:
        rows = list(objs)
        for row in rows:
            row.is_summed = None
            row.take_keys_out()
        with transaction.atomic():
            names.agree_early(map(vars, rows))
            if engines.is_distributed():
                made = self._bulk_create_on_nodes(rows, *args, **kwargs)
            else:
                made = super().bulk_create(rows, *args, **kwargs)
            keeping.add_rows([row.pk for row in made if row.pk is not None])
        return made

    def _bulk_create_on_nodes(
        self, rows: list["UsageMetric"], batch_size: int | None = None, **options: Any
    ) -> Any:
        overwrites = bool(options.get("update_conflicts"))
        is_plain = not (overwrites or options.get("ignore_conflicts"))
        distributed.give_identities_and_keys(rows, with_keys=is_plain)
        made = super().bulk_create(rows, 1 if overwrites else batch_size, **options)
        if is_plain:
            distributed.read_defaults(made)
        return made

    def select_for_update(self, *args: Any, **kwargs: Any) -> Self:
        """Citus locks chosen rows of one node only; there a change itself locks what it changes."""
        return (
            self.all() if engines.is_distributed() else super().select_for_update(*args, **kwargs)
        )

    def update(self, **values: Any) -> int:
        if "event_id" in values and engines.is_distributed():
            raise distributed.IdentityIsFixed
        values |= live_keys.changes(values)
        with transaction.atomic():
            names.agree_early([values])
            ids = list(self.order_by("pk").values_list("pk", flat=True))
            keeping.take_out_rows(ids)
            changed = 0
            for start in range(0, len(ids), _IDS_AT_ONCE):
                # Those alone: a row that came meanwhile would change without its sums.
                some = self.filter(pk__in=ids[start : start + _IDS_AT_ONCE])
                changed += models.QuerySet.update(some, **values)
            keeping.add_rows(ids)
        return changed

    def delete(self) -> tuple[int, dict[str, int]]:
        deleted = 0
        with transaction.atomic():
            ids = list(self.order_by("pk").values_list("pk", flat=True))
            keeping.take_out_rows(ids)
            for start in range(0, len(ids), _IDS_AT_ONCE):
                some = self.model.objects.filter(pk__in=ids[start : start + _IDS_AT_ONCE])
                deleted += some.delete_but_keep_sums()
        return deleted, {self.model._meta.label: deleted} if deleted else {}

    def update_but_keep_sums(self, **values: Any) -> int:
        """Of columns that no sum knows. How many rows changed."""
        return super().update(**values)

    def delete_but_keep_sums(self) -> int:
        """For purging: history keeps its figures. How many rows went."""
        return super().delete()[0]


def status_condition(patterns: Sequence[str], column: str = "status") -> Q:
    """What `with_status` means, on any column of statuses."""
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


def _has_name(dimension: str, names: Sequence[str]) -> Q:
    wanted = Q(**{f"{dimension}__in": names})
    return wanted | counts_as_other(dimension) if OTHER in names else wanted


class UsageMetric(models.Model):
    """A row. Existing tools query these columns, and may insert the classic ones in plain SQL."""

    class Exclusion(models.TextChoices):
        WARM_UP = records.WARM_UP  # the proxy's own, and nobody's request
        DUPLICATE = records.DUPLICATE  # another source's report of the call counts

    timestamp = UtcDateTimeField(help_text="When the request completed.")
    model = models.CharField(max_length=255)
    prompt_tokens = models.BigIntegerField(null=True, blank=True, db_default=0)
    completion_tokens = models.BigIntegerField(null=True, blank=True, db_default=0)
    total_tokens = models.BigIntegerField(null=True, blank=True, db_default=0)
    request_id = models.CharField(max_length=255, null=True, blank=True)
    status = models.CharField(max_length=32, null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)
    api_key_hash = models.CharField(max_length=64, null=True, blank=True)
    created_at = UtcDateTimeField(db_default=Now(), editable=False)

    provider = models.CharField(max_length=64, null=True, blank=True)
    requested_model = models.CharField(max_length=255, null=True, blank=True)
    cached_tokens = models.BigIntegerField(null=True, blank=True)
    cache_write_tokens = models.BigIntegerField(null=True, blank=True)
    reasoning_tokens = models.BigIntegerField(null=True, blank=True)
    ttft_ms = models.FloatField(null=True, blank=True, help_text="Time to first token.")
    cost_usd = models.FloatField(null=True, blank=True)
    cost_source = models.CharField(
        max_length=16,
        null=True,
        blank=True,
        help_text="Whose price it is: reported (also NULL beside a cost), override, genai-prices.",
    )
    event_id = models.BigIntegerField(
        null=True,
        blank=True,
        editable=False,
        help_text="63-bit hash of source and the client's own event id.",
    )
    source = models.CharField(max_length=64, null=True, blank=True)
    response_id = models.CharField(
        max_length=255, null=True, blank=True, help_text="The provider's own id of its answer."
    )
    app = models.CharField(
        max_length=255, null=True, blank=True, help_text="The program that asked."
    )
    user = models.CharField(
        max_length=255, null=True, blank=True, help_text="On whose behalf, as the client names it."
    )
    excluded_as = models.CharField(
        max_length=16,
        null=True,
        blank=True,
        choices=Exclusion,
        help_text="Why no figure counts the row; NULL where they do.",
    )
    is_summed = models.BooleanField(
        null=True,
        editable=False,
        help_text="Whether the sums hold it: NULL after plain SQL, until the next write or read.",
    )

    objects = UsageMetricQuerySet.as_manager()

    class Meta:
        db_table = "usage_metrics"
        verbose_name = "usage metric"
        constraints = [
            # Expressions make it an index of this name on every engine. One index both
            # refuses a second copy of an event and serves ranges of time.
            models.UniqueConstraint(F("timestamp"), F("event_id"), name="idx_timestamp"),
        ]
        indexes = [
            models.Index(fields=["model", "timestamp"], name="idx_model"),
            models.Index(fields=["api_key_hash", "timestamp"], name="idx_api_key"),
            models.Index(fields=["id"], name="idx_unsummed", condition=Q(is_summed=None)),
            models.Index(
                fields=["response_id", "timestamp"],
                name="idx_response",
                condition=Q(response_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} at {self.timestamp:%Y-%m-%d %H:%M:%S}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.take_keys_out()
        with transaction.atomic():
            names.agree_early([vars(self)])
            distributed.give_identity(self)
            if self.pk is not None:
                keeping.take_out_rows([self.pk])
            self.is_summed = None
            super().save(*args, **kwargs)
            keeping.add_rows([self.pk])

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, values: Any, *rest: Any) -> bool:
        """Django's own step of `save`, which sets all columns: Citus lets none set event_id."""
        kept = {field.attname: value for field, _, value in values}.get("event_id")
        if kept is None or not engines.is_distributed():
            return super()._do_update(base_qs, using, pk_val, values, *rest)
        others = [each for each in values if each[0].attname != "event_id"]
        on_its_node = base_qs.filter(event_id=kept)
        if super()._do_update(on_its_node, using, pk_val, others, *rest):
            return True
        if base_qs.filter(pk=pk_val).exists():
            raise distributed.IdentityIsFixed
        return False

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            keeping.take_out_rows([self.pk])
            return super().delete(*args, **kwargs)

    def take_keys_out(self) -> None:
        texts = {name: getattr(self, name) for name in records.STORED_TEXTS}
        for name, kept in live_keys.changes(texts).items():
            setattr(self, name, kept)
