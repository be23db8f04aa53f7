"""One completed LLM request: the table `usage_metrics`."""

from typing import Any

from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from usage import kept_texts, records
from usage.database import extensions
from usage.incoming_row import LONGEST_HASH, LONGEST_NAME, LONGEST_STATUS, LONGEST_TEXT
from usage.models import chunked, distributed
from usage.models.fields import UtcDateTimeField
from usage.models.usage_rows import UsageMetricQuerySet
from usage.rollups import keeping, names


class UsageMetric(models.Model):
    """A row. Existing tools query these columns, and may insert the classic ones in plain SQL."""

    class Exclusion(models.TextChoices):
        WARM_UP = records.WARM_UP  # the proxy's own, and nobody's request
        DUPLICATE = records.DUPLICATE  # another source's report of the call counts
        WRAPPER = records.WRAPPER  # another span of its trace tells the call

    timestamp = UtcDateTimeField(help_text="When the request completed.")
    model = models.CharField(max_length=LONGEST_TEXT)
    prompt_tokens = models.BigIntegerField(null=True, blank=True, db_default=0)
    completion_tokens = models.BigIntegerField(null=True, blank=True, db_default=0)
    total_tokens = models.BigIntegerField(null=True, blank=True, db_default=0)
    request_id = models.CharField(max_length=LONGEST_TEXT, null=True, blank=True)
    status = models.CharField(max_length=LONGEST_STATUS, null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)
    api_key_hash = models.CharField(max_length=LONGEST_HASH, null=True, blank=True)
    created_at = UtcDateTimeField(db_default=Now(), editable=False)

    provider = models.CharField(max_length=LONGEST_NAME, null=True, blank=True)
    requested_model = models.CharField(max_length=LONGEST_TEXT, null=True, blank=True)
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
    source = models.CharField(max_length=LONGEST_NAME, null=True, blank=True)
    response_id = models.CharField(
        max_length=LONGEST_TEXT,
        null=True,
        blank=True,
        help_text="The provider's own id of its answer.",
    )
    app = models.CharField(
        max_length=LONGEST_TEXT,
        null=True,
        blank=True,
        help_text="The program that asked.",
    )
    user = models.CharField(
        max_length=LONGEST_TEXT,
        null=True,
        blank=True,
        help_text="On whose behalf, as the client names it.",
    )
    team = models.CharField(
        max_length=LONGEST_TEXT,
        null=True,
        blank=True,
        help_text="The team, department or cost centre.",
    )
    project = models.CharField(
        max_length=LONGEST_TEXT,
        null=True,
        blank=True,
        help_text="The project or repository worked on.",
    )
    session = models.CharField(
        max_length=LONGEST_TEXT,
        null=True,
        blank=True,
        help_text="The client's id of one conversation.",
    )
    account = models.CharField(
        max_length=LONGEST_TEXT,
        null=True,
        blank=True,
        help_text="The upstream account or deployment that answered; never its key.",
    )
    cache_write_1h_tokens = models.BigIntegerField(
        null=True, blank=True, help_text="Part of cache_write_tokens: those kept for an hour."
    )
    audio_input_tokens = models.BigIntegerField(null=True, blank=True)
    audio_output_tokens = models.BigIntegerField(null=True, blank=True)
    image_input_tokens = models.BigIntegerField(null=True, blank=True)
    image_output_tokens = models.BigIntegerField(null=True, blank=True)
    service_tier = models.CharField(
        max_length=LONGEST_NAME,
        null=True,
        blank=True,
        help_text="batch, flex, priority, fast, …: each has its price.",
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
        help_text="true: the sums hold the row. NULL: not yet, as after plain SQL; questions read "
        "it from here meanwhile. false: no figure counts it, so no sum ever holds it.",
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
            # In the order of time, so that a question reads those of its period alone, and those
            # that come into the sums together change few of these.
            models.Index(fields=["timestamp"], name="idx_unsummed", condition=Q(is_summed=None)),
            models.Index(
                fields=["response_id", "timestamp"],
                name="idx_response",
                condition=Q(response_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} at {self.timestamp:%Y-%m-%d %H:%M:%S}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.keep_texts()
        with transaction.atomic():
            names.agree_early([vars(self)])
            distributed.give_identity(self)
            if self.pk is not None:
                keeping.take_out_rows(
                    [self.pk], chunked.place_of(type(self).objects.all(), self.pk)
                )
            self.is_summed = None
            super().save(*args, **kwargs)
            keeping.add_rows([self.pk], chunked.place_among([self]))

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, values: Any, *rest: Any) -> bool:
        """Django's own step of `save`, which sets all columns.

        Citus lets none set event_id, TimescaleDB in compressed chunks neither that nor the time.
        """
        update = super()._do_update
        if extensions.is_hypertable():
            return chunked.update_stored(
                type(self).objects.all(),
                pk_val,
                values,
                lambda rows, others: update(rows, using, pk_val, others, *rest),
            )
        kept = {field.attname: value for field, _, value in values}.get("event_id")
        if kept is None or not extensions.is_distributed():
            return update(base_qs, using, pk_val, values, *rest)
        others = [each for each in values if each[0].attname != "event_id"]
        on_its_node = base_qs.filter(event_id=kept)
        if update(on_its_node, using, pk_val, others, *rest):
            return True
        if base_qs.filter(pk=pk_val).exists():
            raise distributed.IdentityIsFixed
        return False

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            place = chunked.place_of(type(self).objects.all(), self.pk)
            keeping.take_out_rows([self.pk], place)
            if place is not None:
                # Django's own names no time, so it would decompress what lies beside the row.
                gone = place.of(type(self).objects.filter(pk=self.pk)).delete_but_keep_sums()
                self.pk = None
                return gone, {self._meta.label: gone} if gone else {}
            return super().delete(*args, **kwargs)

    def keep_texts(self) -> None:
        """As the portal keeps them."""
        texts = {name: getattr(self, name) for name in records.STORED_TEXTS}
        for name, kept in kept_texts.changes(texts).items():
            setattr(self, name, kept)
