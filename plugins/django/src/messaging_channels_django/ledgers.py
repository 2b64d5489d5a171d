"""The ledger in a database of Django's, so that a message can be a part of the project's own transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from messaging_channels import SqliteLedger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from messaging_channels.plugins import Ledger

_DJANGO_OPTIONS = frozenset(
    [
        "assume_role",
        "context",
        "cursor_factory",
        "isolation_level",
        "pool",
        "prepare_threshold",
        "server_side_binding",
    ]
)
"""Options of Django's PostgreSQL backend that libpq does not know."""
_NAMES = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}


def build_ledger(alias: str) -> Ledger:
    """Return a ledger that keeps its tables in the database of that alias. Nothing is connected yet.

    Raises:
        ImproperlyConfigured: there is no such database, or the ledger cannot be kept in one of its kind.
    """
    if alias not in connections:
        raise ImproperlyConfigured(
            f"MESSAGING_CHANNELS['LEDGER_DATABASE'] is {alias!r}, which is not in DATABASES"
        )
    connection = connections[alias]
    settings: Mapping[str, Any] = connection.settings_dict
    if connection.vendor == "sqlite":
        return SqliteLedger(_sqlite_path(str(settings["NAME"])), owned=True)
    if connection.vendor == "postgresql":
        return _build_postgres_ledger(settings)
    raise ImproperlyConfigured(
        f"MESSAGING_CHANNELS['LEDGER_DATABASE'] is {alias!r}, of {connection.display_name}; "
        "the ledger is kept in SQLite or PostgreSQL"
    )


def _build_postgres_ledger(settings: Mapping[str, Any]) -> Ledger:
    try:
        from psycopg.conninfo import make_conninfo  # noqa: PLC0415  an extra

        from messaging_channels import PostgresLedger  # noqa: PLC0415  psycopg comes with it
    except ImportError as error:
        raise ImproperlyConfigured(
            "a ledger in PostgreSQL needs psycopg 3: pip install 'messaging-channels[postgres]'"
        ) from error
    secrets = [django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS]
    return PostgresLedger(
        make_conninfo("", **_postgres_options(settings)), keys=[str(one).encode() for one in secrets]
    )


def _sqlite_path(name: str) -> Path | None:
    """Return the file of the database; None for one in memory, which other connections cannot see."""
    return None if name == ":memory:" or "mode=memory" in name else Path(name)


def _postgres_options(settings: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in settings["OPTIONS"].items() if name not in _DJANGO_OPTIONS}
    options |= {option: settings[name] for name, option in _NAMES.items() if settings.get(name)}
    if "service" not in options:
        options.setdefault("dbname", "postgres")
    return options
