"""The smallest settings that serve one view on a database, with the product's own connection options."""

from signalsync_project.settings import DATABASES, SECRET_KEY  # noqa: F401

ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["benchmarks.bare"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "benchmarks.bare.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
