#!/usr/bin/env python
"""Run a management command: `manage.py serve`, `manage.py purge`, `manage.py help`."""

import os
import sys

try:
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
except ModuleNotFoundError:
    sys.exit("Django is not installed for this Python: run .venv/bin/python manage.py, or `make`.")

from qsmetrics import configuration


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qsmetrics.settings")
    configuration.take_command_line(sys.argv[2:])
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"qsmetrics cannot start: {error}")


if __name__ == "__main__":
    main()
