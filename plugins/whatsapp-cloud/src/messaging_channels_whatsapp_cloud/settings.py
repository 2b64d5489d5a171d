"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveFloat, SecretStr

from messaging_channels.plugins import ProviderSpec, SecretList, hookimpl, provider_arguments
from messaging_channels_whatsapp_cloud import normalization as known
from messaging_channels_whatsapp_cloud.provider import WhatsAppCloud


class WhatsAppCloudSettings(BaseModel):
    """How the Cloud API is configured. See `WhatsAppCloud` for what each means."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    access_token: SecretStr
    """Access token of a system user with the permission `whatsapp_business_messaging`. Where: Business settings, System users, Generate token."""
    sender: str | None = None
    """Phone number ID (not the number) of messages that name no sender. Where: App dashboard, WhatsApp, API setup."""
    webhook_app_secrets: SecretList = ()
    """App secrets with which Meta signs webhooks. Several are separated by commas, during a rotation. Where: App dashboard, App settings, Basic."""
    webhook_verify_token: SecretStr | None = None
    """Token that Meta sends in the verification request. You choose it. Where: App dashboard, WhatsApp, Configuration."""
    version: str = known.VERSION
    """Version of the Graph API."""
    base_url: str = known.BASE_URL
    """Another URL instead of Meta's, for example of the emulator."""
    messages_per_second: PositiveFloat = known.MESSAGES_PER_SECOND
    """Messages a second of one business number: 80, or 1,000 after an upgrade, or 20 if the Business app uses the number too. Where: WhatsApp Manager,
    Phone numbers."""
    user_agent: str = known.USER_AGENT
    """User agent of downloads."""
    specifications: Path | None = None
    """Folder of Meta's OpenAPI documents (`meta_*.json`), against which raw content is checked before sending. Needs `jsonschema`."""


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """The WhatsApp Cloud API."""
    dsn = {"host": "base_url", "username": "sender", "password": "access_token"}
    return (ProviderSpec(WhatsAppCloud.name, WhatsAppCloudSettings, _build, dsn=dsn),)


def _build(settings: WhatsAppCloudSettings) -> WhatsAppCloud:
    return WhatsAppCloud(**provider_arguments(settings))
