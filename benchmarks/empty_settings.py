"""The portal's own settings, with one empty view in the place of all that it serves."""

from qsmetrics.settings import *  # noqa: F403

ALLOWED_HOSTS = ["*"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "benchmarks.empty_view"
