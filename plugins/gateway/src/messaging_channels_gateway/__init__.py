"""messaging-channels over HTTP: nine calls to send, the state of each message, and webhooks in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from messaging_channels_gateway.application import Application
    from messaging_channels_gateway.settings import GatewaySettings

__all__ = ["Application", "GatewaySettings", "create_app"]


def create_app(settings: dict[str, Any] | None = None, **gateway_settings: Any) -> Application:  # noqa: ANN401  any setting
    """Make the ASGI application, for a server of your own.

    Args:
        settings: Sections of the TOML file, as a dictionary. They win over the environment and the file. Without any configuration, the gateway uses the
            sandbox and SQLite files in `MESSAGING_CHANNELS_HOME`.
        **gateway_settings: Fields of `GatewaySettings`, such as `public_url="https://messages.example.com"`.

    Raises:
        ConfigurationError: A setting is missing or malformed, or a provider is unknown or broken.
    """
    from messaging_channels import Configuration  # noqa: PLC0415  see `__getattr__`
    from messaging_channels_gateway.application import Application  # noqa: PLC0415  likewise
    from messaging_channels_gateway.gateway import open_gateway  # noqa: PLC0415  likewise
    from messaging_channels_gateway.settings import GatewaySettings  # noqa: PLC0415  likewise

    configuration = Configuration.read(settings, use_sandbox_defaults=True)
    return Application(open_gateway(configuration, GatewaySettings.read(configuration, **gateway_settings)))


def __getattr__(name: str) -> Any:  # noqa: ANN401  a class of this distribution
    """Import a public class when it is first used: every command of `messaging-channels` imports this package, and most need no server."""
    if name == "Application":
        from messaging_channels_gateway.application import Application  # noqa: PLC0415  as said

        return Application
    if name == "GatewaySettings":
        from messaging_channels_gateway.settings import GatewaySettings  # noqa: PLC0415  as said

        return GatewaySettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
