"""Django admin: importing it registers every page of it."""

from usage.admin import (
    accounts,
    audit_entry,
    collector_state,
    heard_sources,
    ingest_token,
    price_override,
    suppressed_pair,
    upstream_account,
    usage_metric,
    usage_name,
)

__all__ = [
    "accounts",
    "audit_entry",
    "collector_state",
    "heard_sources",
    "ingest_token",
    "price_override",
    "suppressed_pair",
    "upstream_account",
    "usage_metric",
    "usage_name",
]
