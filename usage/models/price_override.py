"""What a model costs here: an operator's price, before the published ones."""

import datetime as dt
from typing import Any, ClassVar

from django.core.validators import MinValueValidator
from django.db import models

from usage.live_keys import without_keys
from usage.models.fields import UtcDateTimeField


def _price(name: str, help_text: str = "", **options: Any) -> "models.DecimalField[Any, Any]":
    options |= {"max_digits": 16, "decimal_places": 6, "help_text": help_text}
    return models.DecimalField(name, validators=[MinValueValidator(0)], **options)


class PriceOverride(models.Model):
    """A price of the models whose name matches, from a time on. Zero is a price too."""

    ALWAYS: ClassVar[dt.datetime] = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)  # no row is older
    changes: ClassVar[int] = 0  # made by this process

    model_pattern = models.CharField(
        max_length=255,
        help_text="A model's name, or a pattern: gpt-4o* is all that begin so, ? is one letter.",
    )
    provider = models.CharField(
        max_length=64, blank=True, default="", help_text="Only of this provider; empty: of any."
    )
    valid_from = UtcDateTimeField(
        default=ALWAYS, help_text="Counts for requests completed then or later."
    )
    prompt_usd_per_mtok = _price("prompt, $ a million tokens")
    completion_usd_per_mtok = _price("completion, $ a million tokens")
    cached_usd_per_mtok = _price(
        "cached, $ a million tokens",
        "Of the prompt, read from a cache; empty: as the rest of the prompt.",
        null=True,
        blank=True,
    )
    cache_write_usd_per_mtok = _price(
        "cache write, $ a million tokens",
        "Of the prompt, written to a cache; empty: as the rest of the prompt.",
        null=True,
        blank=True,
    )
    request_usd = _price("each request, $", "Beside its tokens.", default=0)

    class Meta:
        verbose_name = "price"
        ordering = ["model_pattern", "provider", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_pattern", "provider", "valid_from"], name="one_price_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model_pattern} from {self.valid_from:%Y-%m-%d}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        # As rows have it.
        self.model_pattern = without_keys(self.model_pattern)
        self.provider = without_keys(self.provider)
        super().save(*args, **kwargs)
        PriceOverride.changes += 1

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        PriceOverride.changes += 1
        return super().delete(*args, **kwargs)
