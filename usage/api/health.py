"""`GET /_qs/health`: whether the portal can store usage right now."""

import logging
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from qsmetrics import __version__
from usage.api.errors import json_answer
from usage.api.probe import Probes
from usage.api.schema import HEALTH
from usage.api.shapes.state import Health, Unhealthy
from usage.database import storage

logger = logging.getLogger(__name__)

_probes = Probes()


class HealthView(APIView):
    permission_classes = [AllowAny]

    @HEALTH
    def get(self, request: Request) -> HttpResponse:
        state: dict[str, Any] = {
            "version": __version__,
            "database": storage.engine(),
            "statistics_enabled": settings.USAGE_STATISTICS_ENABLED,
            "persistence_enabled": settings.METRICS_ENABLED,
        }
        found = _probes.ask()
        trouble = found.trouble
        if trouble is None:
            return json_answer(Health(ok=True, **state, **found.figures))
        logger.error("health: %s", trouble)
        unhealthy = Unhealthy(
            ok=False, error=trouble.sentence, database_error=trouble.said, **state
        )
        return json_answer(unhealthy, 503, trouble.headers)
