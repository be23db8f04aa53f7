"""What plain `gunicorn qsmetrics.wsgi`, started in this folder, reads: the options of `serve`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qsmetrics.settings")
django.setup()

from django.conf import settings  # noqa: E402

from usage.management.web import options as web  # noqa: E402

globals().update(web.options())
bind = [str(settings.METRICS_BIND_ADDRESS)]
on_starting = web.refuse_workers_beside_each_other
web.prepare_to_fork()
