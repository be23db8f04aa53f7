"""`GET /_qs/health`: whether the portal can store usage right now."""

import logging
import shutil

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from qsmetrics import __version__
from usage.api.database_trouble import RETRY_AFTER_SECONDS, explain
from usage.api.schema import HEALTH
from usage.queries import records_persisted

logger = logging.getLogger(__name__)

LEAST_FREE_BYTES = 16 * 2**20


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
        try:
            trouble = _disk_trouble()
            _try_writing()
            total = records_persisted()
        except DatabaseError as error:
            trouble, total = explain(error), None
        if trouble:
            logger.error("health: %s", trouble)
            body = {"ok": False, "error": trouble, **state}
            return Response(body, status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
        return Response({"ok": True, **state, "total_records_persisted": total})


def _try_writing() -> None:
    """Take the write lock and touch nothing: fails where a real write would."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE usage_recordedtotal SET records = records WHERE id = 0")


def _disk_trouble() -> str:
    if connection.vendor != "sqlite":
        return ""
    free = shutil.disk_usage(settings.METRICS_STORAGE_PATH.parent).free
    if free >= LEAST_FREE_BYTES:
        return ""
    return f"the disk that holds the database is almost full: only {free // 2**20} MiB are free"
