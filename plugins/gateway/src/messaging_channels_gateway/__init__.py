"""messaging-channels over HTTP: nine calls to send, what became of each message, and webhooks in and out."""

from __future__ import annotations

from typing import Any

from messaging_channels import Configuration
from messaging_channels_gateway.application import Application
from messaging_channels_gateway.gateway import open_gateway
from messaging_channels_gateway.settings import GatewaySettings

__all__ = ["Application", "GatewaySettings", "create_app"]


def create_app(settings: dict[str, Any] | None = None, **gateway_settings: Any) -> Application:  # noqa: ANN401  any setting
    """Make the ASGI application, for a server of your own.

    `settings` has the shape of the TOML file; the keywords are fields of `Settings`. Without configuration it stands on the embedded defaults: the
    sandbox, and SQLite files in the home directory.

    Raises:
        ConfigurationError: a setting is missing or malformed, or a provider is unknown or broken.
    """
    configuration = Configuration.read(settings, use_sandbox_defaults=True)
    return Application(open_gateway(configuration, GatewaySettings.read(configuration, **gateway_settings)))
