"""Django settings, every one of them from `configuration`; README has the list for users."""

import socket
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from qsmetrics import __version__, configuration, data_folder, private_files
from qsmetrics import setting_types as types
from qsmetrics.cliproxy_setting import proxies_of
from qsmetrics.trusted_proxies import trusted_proxies

BASE_DIR = configuration.BASE_DIR
_config = configuration.load()

# --- The portal -----------------------------------------------------------------------------
METRICS_BIND_ADDRESS = _config.get("METRICS_BIND_ADDRESS", types.bind_address)
METRICS_STORAGE_PATH = _config.get("METRICS_STORAGE_PATH", types.file_path(BASE_DIR))
METRICS_TRUSTED_PROXIES = _config.get("METRICS_TRUSTED_PROXIES", trusted_proxies)
METRICS_BASIC_AUTH_USER = _config.get("METRICS_BASIC_AUTH_USER", str)
METRICS_BASIC_AUTH_PASS = _config.get("METRICS_BASIC_AUTH_PASS", str)
METRICS_RETENTION_DAYS = _config.get("METRICS_RETENTION_DAYS", types.whole_number(0, 36500))
METRICS_MAX_BODY_BYTES = 2**20 * _config.get("METRICS_MAX_BODY_MB", types.whole_number(1, 1024))
# Two are always left to posts and health, so that an export needs a third.
METRICS_THREADS = max(3, _config.get("METRICS_THREADS", types.whole_number(1, 256)))
METRICS_WORKERS = _config.get("METRICS_WORKERS", types.whole_number(1, 64))
METRICS_MAX_NAMES = _config.get("METRICS_MAX_NAMES", types.whole_number(1, 1_000_000))
METRICS_MAX_NEW_NAMES = _config.get("METRICS_MAX_NEW_NAMES", types.whole_number(0, 1_000_000))
METRICS_HASH_USERS = _config.get("METRICS_HASH_USERS", types.boolean)
METRICS_SOURCE_PRIORITY = _config.get("METRICS_SOURCE_PRIORITY", types.source_names)
# Both switches must be on; USAGE_STATISTICS_ENABLED is the name that proxies use for it.
METRICS_ENABLED = _config.get("METRICS_ENABLED", types.boolean)
USAGE_STATISTICS_ENABLED = METRICS_ENABLED and _config.get(
    "USAGE_STATISTICS_ENABLED", types.boolean
)

if bool(METRICS_BASIC_AUTH_USER) != bool(METRICS_BASIC_AUTH_PASS):
    _missing = "METRICS_BASIC_AUTH_PASS" if METRICS_BASIC_AUTH_USER else "METRICS_BASIC_AUTH_USER"
    raise ImproperlyConfigured(
        f"{_missing} is not set but its other half is: set both METRICS_BASIC_AUTH_USER and "
        "METRICS_BASIC_AUTH_PASS, or neither."
    )
if ":" in METRICS_BASIC_AUTH_USER:
    raise ImproperlyConfigured(
        "METRICS_BASIC_AUTH_USER holds a colon, which Basic authentication cannot carry: "
        "choose a name without one."
    )

_cliproxy_key = _config.get("METRICS_CLIPROXY_KEY", str)
METRICS_CLIPROXY = _config.get("METRICS_CLIPROXY_URL", lambda urls: proxies_of(urls, _cliproxy_key))

# --- Database -------------------------------------------------------------------------------
_postgres = _config.get("DATABASE_URL", types.postgres_url)
_synchronous = _config.get("METRICS_SQLITE_SYNCHRONOUS", types.one_of("FULL", "NORMAL"))
_sqlite: dict[str, Any] = {
    "ENGINE": "usage.database.sqlite",
    # With its links, so that it is noticed when they lead to another file.
    "NAME": str(_config.get("METRICS_STORAGE_PATH", types.path_as_given(BASE_DIR))),
    "CONN_MAX_AGE": None,
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 10,
        # foreign_keys are Django's own default.
        "init_command": (
            f"PRAGMA journal_mode=WAL;PRAGMA synchronous={_synchronous};"
            # Each thread has a cache of its own, which the next commit of another makes stale;
            # what a large commit changes may take 8 MB before it goes to the log early.
            "PRAGMA cache_size=-2000;PRAGMA cache_spill=2000;"
            # Pages that change with every commit are copied from the log to the file less often.
            "PRAGMA wal_autocheckpoint=4000;"
        ),
    },
}
if not _postgres:
    data_folder.prepare_database(METRICS_STORAGE_PATH)
DATABASES = {
    "default": (
        {**_postgres, "CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True} if _postgres else _sqlite
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Security -------------------------------------------------------------------------------
DEBUG = _config.get("METRICS_DEBUG", types.boolean)
SECRET_KEY = _config.get("SECRET_KEY", str) or data_folder.kept_secret_key(
    METRICS_STORAGE_PATH.parent
)
private_files.mend(METRICS_STORAGE_PATH)
_own_addresses = [] if METRICS_BIND_ADDRESS.is_loopback else types.own_addresses()
_named_hosts = _config.get("METRICS_ALLOWED_HOSTS", types.host_names)
ALLOWED_HOSTS = sorted(
    {"localhost", "127.0.0.1", "[::1]", socket.gethostname().lower()}
    | {*_own_addresses, *_named_hosts}
    | ({METRICS_BIND_ADDRESS.url_host} - {"", "0.0.0.0", "[::]"})  # noqa: S104
)
# A proxy that ends TLS in front of us makes browsers send an https Origin.
CSRF_TRUSTED_ORIGINS = [
    f"https://{'*' if host.startswith('.') else ''}{host}" for host in _named_hosts if host != "*"
]
# The proxy sends people from HTTP to HTTPS; programs on this machine go on posting without.
_https = _config.get("METRICS_HTTPS", types.true_false_or_auto)
METRICS_HTTPS = bool(METRICS_TRUSTED_PROXIES) if _https is None else _https
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = METRICS_HTTPS
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if METRICS_HTTPS else 0
# What `check --deploy` asks for beyond it is its owner's to say for the whole domain (W005: its
# other hosts, W021: a list in browsers), and the proxy's to do (W008: send people to HTTPS).
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
SESSION_COOKIE_NAME = "qsmetrics_session"
CSRF_COOKIE_NAME = "qsmetrics_csrf"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- Applications ---------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # its widgets and pages, but our own admin site
    "usage.admin_app.PortalAdminConfig",
    "usage",  # before auth, some of whose commands are ours
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "dashboards",
]
MIDDLEWARE = [
    "qsmetrics.answers.AnswerHeaders",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "usage.api.posts_first.PostsFirst",  # everything above is for every answer
    "usage.database.reading_time.ReadingTime",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dashboards.errors.RefusalsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "qsmetrics.urls"
WSGI_APPLICATION = "qsmetrics.wsgi.application"
APPEND_SLASH = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],  # usage.access.rules decides, for API and pages alike
    "DEFAULT_PERMISSION_CLASSES": ["usage.api.permissions.MayRead"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "usage.api.negotiation.NeverRefuses",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "usage.api.errors.handle",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "qsmetrics",
    "DESCRIPTION": "Usage metrics of LLM proxies: record, query, export.",
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/_qs",  # stays out of names, which clients make functions of
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["usage.api.permissions.MayRead"],
    # Not that of drf-spectacular: what is one of some words says so where it stands.
    "POSTPROCESSING_HOOKS": ["usage.api.struct_schemas.bodies_are_required"],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "pair": {"type": "http", "scheme": "basic"},  # METRICS_BASIC_AUTH_USER and _PASS
            "token": {"type": "http", "scheme": "bearer"},  # an ingest token
        }
    },
}
# The dashboard's blue in unfold's shades: lightness in percent, and chroma.
_BLUE = {
    50: (97, 0.014), 100: (93.2, 0.032), 200: (88.2, 0.059), 300: (80.9, 0.105),
    400: (70.7, 0.165), 500: (62.3, 0.2), 600: (52, 0.21), 700: (46, 0.2),
    800: (42.4, 0.17), 900: (37.9, 0.13), 950: (28.2, 0.09),
}  # fmt: skip
UNFOLD: dict[str, Any] = {
    "COLORS": {
        "primary": {
            str(shade): f"oklch({light}% {chroma} 268)" for shade, (light, chroma) in _BLUE.items()
        }
    },
    "SITE_TITLE": "qsmetrics",
    "SITE_HEADER": "qsmetrics",
    "SITE_SUBHEADER": "LLM usage metrics",
    "SITE_SYMBOL": "monitoring",
    "SITE_URL": "/",
    "SHOW_VIEW_ON_SITE": True,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "/static/dashboards/icon.svg"}
    ],
    "SIDEBAR": {"navigation": "usage.admin_site.sidebar"},
}

# --- Time, static files, logs ---------------------------------------------------------------
USE_TZ = True
TIME_ZONE = _config.get("METRICS_TIME_ZONE", types.time_zone)
LANGUAGE_CODE = "en"
USE_I18N = False
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # straight from the packages: no collectstatic step to forget
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "usage.log_lines.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "filters": {
        "without_503": {"()": "usage.log_lines.WithoutUnavailable"},
        "seldom": {"()": "usage.log_lines.SameTroubleSeldom"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["seldom"]}
    },
    "root": {"handlers": ["stderr"], "level": "INFO"},
    # 4xx answers are the client's to read; only our own failures are worth a log line.
    "loggers": {
        "django.request": {"level": "ERROR", "filters": ["without_503"]},
        "django.security": {"level": "CRITICAL"},
    },
}
