"""What plain `gunicorn qsmetrics.wsgi`, started in this folder, has of `serve`: its worker."""

import os

import django
from django.conf import settings
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qsmetrics.settings")
django.setup()

worker_class = import_string("usage.management.web.worker.Worker")
threads = settings.METRICS_THREADS
keepalive = 75
sendfile = False  # which would wait for its peer as long as it takes
