"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels.plugins import hookimpl
from messaging_channels.provider import ProviderSpec
from messaging_channels_infobip.provider import Infobip


class InfobipSettings(BaseModel):
    """How Infobip is configured."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: str
    api_key: SecretStr
    sender: str | None = None


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """Infobip."""
    return (
        ProviderSpec("infobip", InfobipSettings, _build, dsn={"host": "base_url", "password": "api_key"}),
    )


def _build(settings: InfobipSettings) -> Infobip:
    return Infobip(
        base_url=settings.base_url, api_key=settings.api_key.get_secret_value(), sender=settings.sender
    )
