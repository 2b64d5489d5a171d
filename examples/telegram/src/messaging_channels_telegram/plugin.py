"""What the entry point names: the channel, and the provider with its settings."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, SecretStr

from messaging_channels.plugins import ChannelSpec, ProviderSpec, hookimpl, provider_arguments
from messaging_channels_telegram.channel import TELEGRAM
from messaging_channels_telegram.provider import Telegram


class TelegramSettings(BaseModel):
    """How Telegram is configured."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    token: SecretStr
    webhook_secret: SecretStr | None = None
    base_url: str = "https://api.telegram.org"


def _build(settings: TelegramSettings) -> Telegram:
    return Telegram(**provider_arguments(settings))


SPEC = ProviderSpec("telegram", TelegramSettings, _build, dsn={"host": "base_url", "password": "token"})


@hookimpl
def register_channels() -> Iterable[ChannelSpec]:
    """Telegram."""
    return (TELEGRAM,)


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """The bot."""
    return (SPEC,)
