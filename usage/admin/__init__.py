"""Django admin: importing it registers usage metrics, ingest tokens and accounts."""

from usage.admin import accounts, collector_state, ingest_token, usage_metric

__all__ = ["accounts", "collector_state", "ingest_token", "usage_metric"]
