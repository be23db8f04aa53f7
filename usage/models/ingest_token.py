"""Tokens that proxies write usage with; only their SHA-256 is kept."""

import secrets
from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from usage.identity import hash_api_key
from usage.live_keys import first_key, without_keys

TOKEN_PREFIX = "qsm_"


class IngestTokenManager(models.Manager["IngestToken"]):
    def issue(self, name: str) -> tuple["IngestToken", str]:
        """A new token and its text, which nobody can be shown again."""
        token = self.model(name=name)
        text = token.assign_secret()
        token.save()
        return token, text


class IngestToken(models.Model):
    name = models.CharField(max_length=100, help_text="Which proxy uses it.")
    hint = models.CharField(max_length=12, editable=False, help_text="How its text begins.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = IngestTokenManager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.name = without_keys(self.name)
        super().save(*args, **kwargs)

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        super().clean_fields(exclude)
        if first_key(self.name) is not None:
            advice = "This holds an API key, and names are shown: write which proxy it is."
            raise ValidationError({"name": advice})

    def assign_secret(self) -> str:
        """Give an unsaved token its secret and return the text to show once."""
        text = TOKEN_PREFIX + secrets.token_urlsafe(32)
        self.hint = text[:8]
        self.digest = hash_api_key(text)
        return text

    def revoke(self) -> None:
        """Stop accepting it. Kept, so that the portal does not open again by a deletion."""
        if self.revoked_at is None:
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])
