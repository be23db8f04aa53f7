"""`usage.access` as a DRF permission."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from usage import access


class MayRead(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        access.require_reader(request._request)
        return True
