"""What the portal keeps. The tables' names and columns are part of the contract."""

from usage.models.audit_entry import AuditEntry
from usage.models.collector_state import CollectorState
from usage.models.failed_logins import FailedLogins, ProvenAddress
from usage.models.heard_count import HeardCount
from usage.models.idempotent_post import IdempotentPost
from usage.models.imported_file import ImportedFile
from usage.models.ingest_token import IngestToken
from usage.models.one_time_password import OneTimePassword
from usage.models.price_override import PriceOverride
from usage.models.rollup import (
    FillingState,
    PurgeHorizon,
    UsageHistogram,
    UsageRollup,
    UsageSeries,
)
from usage.models.suppressed_pair import SuppressedPair
from usage.models.traced_post import TracedPost
from usage.models.upstream_account import QuotaHour, QuotaWindow, UpstreamAccount
from usage.models.usage_metric import UsageMetric
from usage.models.usage_name import NamesVersion, UsageName
from usage.models.usage_rows import FAILED, UsageMetricQuerySet, dimension_condition

__all__ = [
    "FAILED",
    "AuditEntry",
    "CollectorState",
    "FailedLogins",
    "FillingState",
    "HeardCount",
    "IdempotentPost",
    "ImportedFile",
    "IngestToken",
    "NamesVersion",
    "OneTimePassword",
    "PriceOverride",
    "ProvenAddress",
    "PurgeHorizon",
    "QuotaHour",
    "QuotaWindow",
    "SuppressedPair",
    "TracedPost",
    "UpstreamAccount",
    "UsageHistogram",
    "UsageMetric",
    "UsageMetricQuerySet",
    "UsageName",
    "UsageRollup",
    "UsageSeries",
    "dimension_condition",
]
