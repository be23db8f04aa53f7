"""Upstream accounts: what they are called, and how much of their quotas is used."""

from django.db import models

from usage.incoming_row import LONGEST_NAME, LONGEST_TEXT
from usage.upstream_accounts import LONGEST_KIND, LONGEST_SPAN, LONGEST_STATUS


class _OfAccount(models.Model):
    """Whose it is: the columns `source` and `account` of rows."""

    source = models.CharField(max_length=LONGEST_NAME, help_text="Who tells of the account.")
    account = models.CharField(max_length=LONGEST_TEXT, help_text="Its id there, as in rows.")

    class Meta:
        abstract = True


class UpstreamAccount(_OfAccount):
    """A name for people, often an e-mail address, kept also when the account is gone."""

    provider = models.CharField(max_length=LONGEST_NAME, blank=True)
    kind = models.CharField(
        max_length=LONGEST_KIND, blank=True, help_text="Of credential, such as oauth."
    )
    label = models.CharField(max_length=LONGEST_TEXT, blank=True)
    is_forgotten = models.BooleanField(
        default=False, help_text="Its name was erased, and is not learnt again."
    )
    named_at = models.DateTimeField(help_text="When the name was last told.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "account"], name="one_name_for_an_account")
        ]

    def __str__(self) -> str:
        return f"{self.account} of {self.source}"  # without the name, which may be erased


class _Reading(_OfAccount):
    span = models.CharField(max_length=LONGEST_SPAN, help_text="How long the window is: 5h, 7d.")
    used_ratio = models.FloatField(null=True, help_text="0 to 1; NULL where it was not told.")
    resets_at = models.DateTimeField(null=True)
    status = models.CharField(
        max_length=LONGEST_STATUS, blank=True, help_text="As the provider says."
    )
    seen_at = models.DateTimeField(help_text="When the call was completed that told it.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.span} of {self.account} at {self.source}"


class QuotaWindow(_Reading):
    """The last that is known of a window. Nothing of it holds any longer once it was reset."""

    provider = models.CharField(max_length=LONGEST_NAME, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "account", "span"], name="one_state_for_a_window"
            )
        ]


class QuotaHour(_Reading):
    """The last that an hour told of a window."""

    hour = models.BigIntegerField(help_text="Its beginning, in Unix seconds.", db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "account", "span", "hour"], name="one_state_for_an_hour"
            )
        ]
