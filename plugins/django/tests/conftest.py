"""A Django project for the tests of this plugin, in this process."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings
from django.db import connections

BACKEND = "messaging_channels_django.mail.EmailBackend"
MAIL: dict[str, Any] = (
    {"MAILERS": {"default": {"BACKEND": BACKEND}}} if django.VERSION >= (6, 1) else {"EMAIL_BACKEND": BACKEND}
)


def _database() -> dict[str, Any]:
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(tempfile.mkdtemp()) / "project.sqlite3")}


sys.path.append(str(Path(__file__).parent))  # where the project's urls are
if not settings.configured:
    settings.configure(
        SECRET_KEY="made-up",
        ALLOWED_HOSTS=["shop.example.com", "testserver"],
        ROOT_URLCONF="django_project_urls",
        USE_TZ=True,
        DATABASES={"default": _database()},
        INSTALLED_APPS=[
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.messages",
            "django.contrib.sessions",
            "messaging_channels_django",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
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
        ],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        **MAIL,
    )
    django.setup()


@pytest.fixture(autouse=True)
def _closed_connections() -> Iterator[None]:
    """No test leaves the connection or the dispatcher of another."""
    from messaging_channels_django import dispatchers

    yield
    dispatchers.close()
    connections.close_all()


@pytest.fixture(scope="session")
def migrated() -> None:
    """The tables of Django's own applications, made once."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def add_database(alias: str, **values: Any) -> str:
    """Have Django know one more database."""
    connections.settings[alias] = connections.configure_settings({"default": {}, alias: values})[alias]
    connections[alias].settings_dict.update(connections.settings[alias])
    return alias


@pytest.fixture
def sqlite_alias(tmp_path: Path) -> Iterator[str]:
    """A database of Django's in a file of its own."""
    yield add_database("shop", ENGINE="django.db.backends.sqlite3", NAME=str(tmp_path / "shop.sqlite3"))
    connections["shop"].close()
    del connections["shop"]
    del connections.settings["shop"]


@pytest.fixture
def postgres_alias(postgres: str) -> Iterator[str]:
    """A database of Django's in PostgreSQL."""
    parts = dict(part.split("=") for part in postgres.split())
    yield add_database(
        "shop",
        ENGINE="django.db.backends.postgresql",
        NAME=parts["dbname"],
        USER=parts["user"],
        HOST=parts["host"],
        PORT=parts["port"],
    )
    connections["shop"].close()
    del connections["shop"]
    del connections.settings["shop"]
