"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PositiveFloat, SecretStr

from messaging_channels.plugins import ProviderSpec, hookimpl
from messaging_channels_whatsapp_cloud import normalization as known
from messaging_channels_whatsapp_cloud.provider import WhatsAppCloud


def _split_commas(value: Any) -> Any:  # noqa: ANN401  pydantic checks it
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


class WhatsAppCloudSettings(BaseModel):
    """How the Cloud API is configured. `webhook_app_secrets` in one text are separated by commas."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    access_token: SecretStr
    sender: str | None = None
    webhook_app_secrets: Annotated[tuple[SecretStr, ...], BeforeValidator(_split_commas)] = ()
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
    verify_token = settings.webhook_verify_token
    return WhatsAppCloud(
        access_token=settings.access_token.get_secret_value(),
        sender=settings.sender,
        webhook_app_secrets=[secret.get_secret_value() for secret in settings.webhook_app_secrets],
        webhook_verify_token=None if verify_token is None else verify_token.get_secret_value(),
        version=settings.version,
        base_url=settings.base_url,
        messages_per_second=settings.messages_per_second,
        user_agent=settings.user_agent,
    )
