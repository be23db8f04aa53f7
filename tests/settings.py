"""The portal's settings for tests: its defaults, whatever the shell or a config.yaml says."""

import os
import sys
import tempfile
from pathlib import Path

# pytest-django loads settings before any conftest, so this is the one place early enough. Only
# DATABASE_URL is left, which chooses the engine that the suite runs on.
for _name in [n for n in os.environ if n.startswith("METRICS_") or n == "USAGE_STATISTICS_ENABLED"]:
    del os.environ[_name]
# Byte code is kept, also where the shell says not to: tests are collected and portals started in
# half the time.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
_folder = tempfile.TemporaryDirectory(prefix="qsmetrics-tests-")  # goes with the process
# What pytest-xdist's processes share: the first that comes here is the one that starts them.
os.environ.setdefault("QSMETRICS_TESTS_FOLDER", _folder.name)
os.environ["METRICS_CONFIG"] = str(Path(__file__).parent / "data" / "config.yaml")
os.environ["METRICS_STORAGE_PATH"] = str(Path(_folder.name) / "metrics.db")
os.environ["SECRET_KEY"] = "only-for-tests-" + "0123456789abcdef" * 2

from qsmetrics.settings import *  # noqa: E402, F403

# Each test's client starts the application: no search for static files, no slow hashes.
WHITENOISE_USE_FINDERS = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
