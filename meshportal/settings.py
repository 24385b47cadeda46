"""Settings. The only module that reads the environment; every key is listed in .env.example with what it does.

Each key has a default that works on a laptop, except where a default would be unsafe: then starting fails and names the key.
A value may also come from a file: KEY_FILE=/run/secrets/key.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from meshportal import logs

BASE_DIR = Path(__file__).resolve().parent.parent


def env(key: str, default: str = "") -> str:
    """Text of `key`, or of the file that `key`_FILE names, or `default`."""
    path = os.environ.get(f"{key}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{key}_FILE cannot be read: {error}") from error
    return os.environ.get(key, default)


def env_bool(key: str, *, default: bool) -> bool:
    value = env(key, "true" if default else "false").lower()
    if value not in {"true", "false", "1", "0", "yes", "no"}:
        raise ImproperlyConfigured(f"{key}: write true or false, not {value!r}")
    return value in {"true", "1", "yes"}


def env_int(key: str, default: int) -> int:
    value = env(key, str(default))
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{key}: write a whole number, not {value!r}") from None


def env_list(key: str, default: str) -> list[str]:
    return [part.strip() for part in env(key, default).split(",") if part.strip()]


# ---------------------------------------------------------------- core

DEBUG = env_bool("DEBUG", default=False)
VAR_DIR = Path(env("VAR_DIR", str(BASE_DIR / "var")))
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "127.0.0.1,localhost")
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS", "")


def secret_key() -> str:
    """SECRET_KEY, or for a local installation one that is made once and kept in VAR_DIR, readable by its owner alone."""
    given = env("SECRET_KEY")
    if given:
        return given
    if env("DATABASE_URL"):
        raise ImproperlyConfigured("SECRET_KEY must be set where DATABASE_URL is: write 50 random characters or more")
    path = VAR_DIR / "secret_key"
    try:
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            path.chmod(0o600)
            file.write(os.urandom(48).hex())
    except FileExistsError:
        pass
    return path.read_text(encoding="utf-8")


SECRET_KEY = secret_key()

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.forms",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "meshportal.web",
    "meshportal.audit",
    "meshportal.accounts",
    "meshportal.clusters",
    "meshportal.catalog",
    "meshportal.changes",
    "meshportal.policies",
    "meshportal.rollouts",
    "meshportal.board",
    "meshportal.diagnostics",
    "meshportal.api",
    "meshportal.demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "meshportal.web.middleware.NotKeptMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "meshportal.web.middleware.PreferencesMiddleware",
    "meshportal.accounts.middleware.SignInRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "meshportal.urls"
ASGI_APPLICATION = "meshportal.asgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "meshportal.board.context.chrome",
            ],
            "builtins": ["meshportal.web.templatetags.portal"],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# ---------------------------------------------------------------- database

DATABASES: dict[str, Any]
if env("DATABASE_URL"):
    DATABASES = {"default": dj_database_url.parse(env("DATABASE_URL"), conn_max_age=60, conn_health_checks=True)}
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(VAR_DIR / "portal.sqlite3"),
            "OPTIONS": {
                # IMMEDIATE: a transaction that will write takes the lock first, so that two never deadlock on the upgrade
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
            },
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ---------------------------------------------------------------- people

AUTH_USER_MODEL = "accounts.Person"
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "board:home"
LOGOUT_REDIRECT_URL = "accounts:login"
CSRF_FAILURE_VIEW = "meshportal.web.errors.csrf_failure"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = env_int("SESSION_HOURS", 12) * 3600
TLS = env_bool("TLS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = TLS
SECURE_HSTS_SECONDS = 31_536_000 if TLS else 0
if env_bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# A form of this portal has no files, and up to 200 routes with some hundred fields each: whoever opens so large a policy has to
# be able to send it back. Larger bodies are refused before they are parsed.
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

# ---------------------------------------------------------------- language, time, files

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env("TIME_ZONE", "UTC")
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# ---------------------------------------------------------------- worker

REDIS_URL = env("REDIS_URL")
QUEUE_DIR = VAR_DIR / "queue"
CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = 120
if REDIS_URL:
    # longer than any task: else Redis hands a running one to a second worker
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {"visibility_timeout": 600}
else:
    # It reads what it writes from one folder, and polls it.
    CELERY_BROKER_TRANSPORT = "meshportal.file_queue:Transport"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(QUEUE_DIR / "messages"),
        "data_folder_out": str(QUEUE_DIR / "messages"),
        "control_folder": str(QUEUE_DIR / "control"),
        "polling_interval": 0.1,
    }
# Ticks of a few seconds need no memory of the last one, and a schedule in a file is a lock that a killed beat leaves behind.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
# A message only says "look": what is due stands in rows, so every tick is safe to lose and safe to double.
CELERY_BEAT_SCHEDULE = {
    "changes": {"task": "meshportal.changes.tasks.tick", "schedule": 2.0, "options": {"expires": 10}},
    "canaries": {"task": "meshportal.rollouts.tasks.sweep", "schedule": 1.0, "options": {"expires": 10}},
    "worker heartbeat": {"task": "meshportal.catalog.tasks.heartbeat", "schedule": 5.0, "options": {"expires": 10}},
}

# ---------------------------------------------------------------- the portal's own

# Kinds of change: their code, and the class that knows the form and renders the objects.
CHANGE_KINDS = {
    "traffic": "meshportal.policies.traffic.kind.Traffic",
    "routes": "meshportal.policies.routes.kind.Routes",
    "destination": "meshportal.policies.destination.kind.Destination",
    "gateway": "meshportal.policies.gateway.kind.Gateway",
    "removal": "meshportal.policies.removing.kind.Removal",
    "copy": "meshportal.policies.copying.kind.Copy",
    "rollout": "meshportal.rollouts.kind.RolloutKind",
}
# An apply that has not finished within its lease is taken over by another worker.
APPLY_LEASE_SECONDS = env_int("APPLY_LEASE_SECONDS", 30)
OBSERVER_TICK_SECONDS = env_int("OBSERVER_TICK_SECONDS", 5)
# Rates are taken over this window; it must hold at least four scrapes of your Prometheus.
METRICS_WINDOW_SECONDS = env_int("METRICS_WINDOW_SECONDS", 60)
# The name of a point in the code where the process kills itself; only tests of crash safety set it.
FAILPOINT = env("MESHPORTAL_FAILPOINT")

# ---------------------------------------------------------------- logs

LOGGING = logs.configured(env("LOG_LEVEL", "INFO"), env("LOG_FORMAT", "console"))
