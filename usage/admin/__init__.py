"""Django admin: importing it registers usage metrics, ingest tokens and accounts."""

from usage.admin import accounts, ingest_token, usage_metric

__all__ = ["accounts", "ingest_token", "usage_metric"]
