"""All URLs: the contract under /_qs/, the admin, and JSON errors for every other API path."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("dashboards.urls")),
    path("", include("usage.api.urls")),
    path("admin/", admin.site.urls),
]

handler400 = "dashboards.errors.refused"
handler403 = "dashboards.errors.refused"
handler404 = "dashboards.errors.refused"
handler500 = "dashboards.errors.server_error"
