"""`GET /_qs/health`: whether the portal can store usage right now."""

import logging

from django.conf import settings
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from qsmetrics import __version__
from usage.api.probe import Probes
from usage.api.schema import HEALTH
from usage.database import storage

logger = logging.getLogger(__name__)

_probes = Probes()


class HealthView(APIView):
    permission_classes = [AllowAny]

    @HEALTH
    def get(self, request: Request) -> Response:
        state = {
            "version": __version__,
            "database": storage.engine(),
            "statistics_enabled": settings.USAGE_STATISTICS_ENABLED,
            "persistence_enabled": settings.METRICS_ENABLED,
        }
        found = _probes.ask()
        trouble = found.trouble
        if trouble is None:
            return Response({"ok": True, **state, **found.figures})
        logger.error("health: %s", trouble)
        body = {
            "ok": False,
            "error": trouble.sentence,
            "database_error": trouble.said,
            **state,
        }
        return Response(body, status=503, headers=trouble.headers)
