"""`GET /_qs/health`: whether the portal can store usage right now."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from qsmetrics import __version__
from usage.api.schema import HEALTH
from usage.database_trouble import DATABASE_TROUBLE, RETRY_AFTER_SECONDS, explain
from usage.models import CollectorState, SuppressedPair
from usage.queries import records_persisted
from usage.recording import write_transaction

logger = logging.getLogger(__name__)

LEAST_FREE_BYTES = 16 * 2**20
# Probes give up after a few seconds, so a lock is waited for less long than by a real write.
LONGEST_WAIT_MS = 2000
_MOST_PAIRS = 20  # clients name the sources


class HealthView(APIView):
    permission_classes = [AllowAny]

    @HEALTH
    def get(self, request: Request) -> Response:
        state = {
            "version": __version__,
            "database": connection.vendor,
            "statistics_enabled": settings.USAGE_STATISTICS_ENABLED,
            "persistence_enabled": settings.METRICS_ENABLED,
        }
        trouble, total = _file_trouble(), None
        try:
            if not trouble:
                with _short_waits():
                    _try_writing()
                total = records_persisted()
        except DATABASE_TROUBLE as error:
            trouble = explain(error)
        if trouble:
            logger.error("health: %s", trouble)
            body = {"ok": False, "error": trouble, **state}
            return Response(body, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
        healthy = {"ok": True, **state, "total_records_persisted": total}
        if settings.METRICS_CLIPROXY:
            healthy["collectors"] = _collectors()
        if settings.METRICS_SOURCE_PRIORITY:
            healthy["suppressed_duplicates"] = _suppressed()
        return Response(healthy)


def _collectors() -> list[dict[str, Any]]:
    """Without addresses and errors, which are in admin: health is open to all."""
    names = [proxy.name for proxy in settings.METRICS_CLIPROXY]
    shown = ("name", "state", "way", "records", "possible_losses", "last_record_at")
    return [dict(row) for row in CollectorState.objects.filter(name__in=names).values(*shown)]


def _suppressed() -> list[dict[str, Any]]:
    shown = ("counted_source", "suppressed_source", "calls")
    return list(SuppressedPair.objects.order_by("-calls").values(*shown)[:_MOST_PAIRS])


@contextmanager
def _short_waits() -> Iterator[None]:
    """Within it, a write waits LONGEST_WAIT_MS at most for the lock of another."""
    if connection.vendor != "sqlite":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {LONGEST_WAIT_MS}")
            yield
        return
    usual = 1000 * settings.DATABASES["default"]["OPTIONS"]["timeout"]
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {LONGEST_WAIT_MS}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {usual}")


def _try_writing() -> None:
    """Take the write lock and touch nothing: fails where a real write would."""
    with write_transaction(LONGEST_WAIT_MS / 1000), connection.cursor() as cursor:
        cursor.execute("UPDATE usage_rollups SET requests = requests WHERE rollup = 0")


def _file_trouble() -> str:
    """What SQLite does not notice itself: a full disk ahead."""
    if connection.vendor != "sqlite" or not Path(connection.settings_dict["NAME"]).exists():
        return ""
    free = shutil.disk_usage(connection.settings_dict["NAME"]).free
    if free >= LEAST_FREE_BYTES:
        return ""
    return f"the disk that holds the database is almost full: only {free // 2**20} MiB are free"
