"""`usage.access.rules` as a DRF permission."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from usage.access import rules


class MayRead(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        rules.require_reader(request._request)
        return True
