"""Settings of the shop. See `MESSAGING_CHANNELS` and the mail backend below it."""

import os
from pathlib import Path

import django

BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG = os.environ.get("SHOP_DEBUG", "1") == "1"
SECRET_KEY = os.environ.get("SHOP_SECRET_KEY", "made-up, for development only")
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "shop.example.com"]
ROOT_URLCONF = "shop.urls"
USE_TZ = True
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SHOP_DATABASE", BASE_DIR / "shop.sqlite3"),
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }
}
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "messaging_channels_django",
    "shop.apps.ShopConfig",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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

MESSAGING_CHANNELS = {
    "LEDGER_DATABASE": "default",
    "SANDBOX": os.environ.get("SHOP_SANDBOX", "1") == "1",
    "PUBLIC_URL": os.environ.get("SHOP_URL", "https://shop.example.com"),
    "MAIL": {"mode": "enqueue", "category": "transactional"},
}
DEFAULT_FROM_EMAIL = "shop@example.com"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "messaging_channels_django.mail.EmailBackend"}}
else:
    EMAIL_BACKEND = "messaging_channels_django.mail.EmailBackend"
TEST_RUNNER = "messaging_channels_django.testing.Runner"
