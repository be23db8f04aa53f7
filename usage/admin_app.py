"""Django's admin application, with our site in the place of its own."""

from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    default_site = "usage.admin_site.PortalAdminSite"
