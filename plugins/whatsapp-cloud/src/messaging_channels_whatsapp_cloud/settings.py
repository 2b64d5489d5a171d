"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, PositiveFloat, SecretStr

from messaging_channels.plugins import ProviderSpec, SecretList, hookimpl, provider_arguments
from messaging_channels_whatsapp_cloud import normalization as known
from messaging_channels_whatsapp_cloud.provider import WhatsAppCloud


class WhatsAppCloudSettings(BaseModel):
    """How the Cloud API is configured. See `WhatsAppCloud` for what each means."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    access_token: SecretStr
    sender: str | None = None
    webhook_app_secrets: SecretList = ()
    webhook_verify_token: SecretStr | None = None
    version: str = known.VERSION
    base_url: str = known.BASE_URL
    messages_per_second: PositiveFloat = known.MESSAGES_PER_SECOND
    user_agent: str = known.USER_AGENT


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """The WhatsApp Cloud API."""
    dsn = {"host": "base_url", "username": "sender", "password": "access_token"}
    return (ProviderSpec(WhatsAppCloud.name, WhatsAppCloudSettings, _build, dsn=dsn),)


def _build(settings: WhatsAppCloudSettings) -> WhatsAppCloud:
    return WhatsAppCloud(**provider_arguments(settings))
