"""The WSGI entry point: `gunicorn qsmetrics.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

from qsmetrics.chunked_bodies import ChunkedBodies
from qsmetrics.head_answers import HeadAnswers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qsmetrics.settings")
application = HeadAnswers(ChunkedBodies(get_wsgi_application()))
