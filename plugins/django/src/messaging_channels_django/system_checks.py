"""What `manage.py check` says about the settings. Nothing is connected for it."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  Django's own name
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from messaging_channels import Configuration
from messaging_channels.errors import ConfigurationError
from messaging_channels_django.settings import DjangoSettings, import_parts, read_settings

VENDORS = ("sqlite", "postgresql")
"""Of databases that can hold the ledger."""


def check_settings(**_: Any) -> list[CheckMessage]:  # noqa: ANN401  Django's own
    """Return what is wrong with `MESSAGING_CHANNELS`."""
    try:
        settings = read_settings()
        import_parts((*settings.resolvers, *settings.checks, *settings.notifiers))
        configuration = Configuration.read(settings.config, use_sandbox_defaults=settings.sandbox)
        found = [*_check_providers(settings, configuration), *_check_ledger(settings)]
        if (
            settings.mail.mode == "enqueue"
            and not settings.ledger_database
            and configuration.ledger() is None
        ):
            found.append(
                Error(
                    "MESSAGING_CHANNELS['MAIL'] enqueues mails, but there is no ledger to keep them",
                    hint="set MESSAGING_CHANNELS['LEDGER_DATABASE'] = 'default', or MESSAGING_CHANNELS_LEDGER_URL",
                    id="messaging_channels.E003",
                )
            )
    except ImproperlyConfigured as error:
        return [Error(str(error), id="messaging_channels.E001")]
    except ConfigurationError as error:
        return [Error(str(error), id="messaging_channels.E002")]
    return found


def _check_providers(settings: DjangoSettings, configuration: Configuration) -> list[CheckMessage]:
    if settings.sandbox or configuration.configured_providers() or configuration.routes():
        return []
    return [
        Warning(
            "no provider of messages is configured, so nothing can be sent",
            hint="set MESSAGING_CHANNELS_<PROVIDER>_<FIELD>, or MESSAGING_CHANNELS['SANDBOX'] = True",
            id="messaging_channels.W001",
        )
    ]


def _check_ledger(settings: DjangoSettings) -> list[CheckMessage]:
    alias = settings.ledger_database
    if alias is None or (alias in connections and connections[alias].vendor in VENDORS):
        return []
    return [
        Error(
            f"MESSAGING_CHANNELS['LEDGER_DATABASE'] is {alias!r}, which is no SQLite or PostgreSQL database in DATABASES",
            id="messaging_channels.E004",
        )
    ]
