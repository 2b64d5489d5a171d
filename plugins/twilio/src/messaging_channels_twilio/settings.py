"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from messaging_channels.plugins import ProviderSpec, SecretList, hookimpl, provider_arguments
from messaging_channels_twilio.provider import Twilio


class TwilioSettings(BaseModel):
    """How Twilio is configured. See `Twilio` for what each means."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    account_sid: str
    auth_token: SecretStr | None = None
    api_key: str | None = None
    api_secret: SecretStr | None = None
    sender: str | None = None
    whatsapp_sender: str | None = None
    status_callback: str | None = None
    webhook_auth_tokens: SecretList = ()
    """Further tokens that Twilio may sign with."""
    webhook_shared_keys: SecretList = ()
    """Keys made for webhooks alone, which sign with SHA-256."""
    templates: dict[str, str] = Field(default_factory=dict)
    """Content SIDs by `name/language`."""
    edge: str | None = None
    region: str | None = None
    base_url: str | None = None


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """Twilio."""
    dsn = {"username": "account_sid", "password": "auth_token", "host": "base_url"}
    return (ProviderSpec("twilio", TwilioSettings, _build, dsn=dsn),)


def _build(settings: TwilioSettings) -> Twilio:
    return Twilio(**provider_arguments(settings))
