"""The Django project: settings, URLs and the WSGI entry point of the portal."""

__version__ = "0.1.0"
