"""The WSGI entry point: `gunicorn qsmetrics.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

from qsmetrics.chunked_bodies import ChunkedBodies
from qsmetrics.front_door import FrontDoor
from qsmetrics.head_answers import HeadAnswers
from qsmetrics.private_files import make_files_private_from_now_on
from qsmetrics.slow_bodies import SlowBodies

make_files_private_from_now_on()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qsmetrics.settings")
application = HeadAnswers(FrontDoor(SlowBodies(ChunkedBodies(get_wsgi_application()))))

from usage.recording import unwritten  # noqa: E402  # which needs the settings

unwritten.write_in_background()
