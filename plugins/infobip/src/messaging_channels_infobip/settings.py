"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, SecretStr

from messaging_channels.plugins import ProviderSpec, hookimpl
from messaging_channels_infobip.provider import Infobip
from messaging_channels_infobip.request_parts import AccountDefaults
from messaging_channels_infobip.webhook_auth import (
    Algorithm,
    BasicAuth,
    BearerToken,
    FixedHeader,
    HmacSignature,
    UrlToken,
    WebhookAuth,
)


class InfobipSettings(BaseModel):
    """How Infobip is configured. A webhook secret may be several, separated by spaces: while it is being changed, both are taken."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: str
    api_key: SecretStr
    sender: str | None = None
    sms_sender: str | None = None
    whatsapp_sender: str | None = None
    email_sender: str | None = None
    report_url: SecretStr | None = None
    """Where the reports of each message go; it may hold a secret of its own (see `webhook_token`)."""
    webhook_username: str | None = None
    webhook_password: SecretStr | None = None
    webhook_bearer: SecretStr | None = None
    webhook_token: SecretStr | None = None
    webhook_token_parameter: str = "token"  # noqa: S105  the name of a parameter
    webhook_header: str | None = None
    webhook_header_value: SecretStr | None = None
    webhook_hmac_secret: SecretStr | None = None
    webhook_hmac_header: str = "x-hub-signature-256"
    webhook_hmac_algorithm: Algorithm = "HMAC_SHA_256"
    log_backfill_hours: float = Field(default=48.0, ge=0, le=48)
    lookup_not_found_after: NonNegativeFloat | None = None


@hookimpl
def register_providers() -> Iterable[ProviderSpec]:
    """Infobip."""
    return (
        ProviderSpec("infobip", InfobipSettings, _build, dsn={"host": "base_url", "password": "api_key"}),
    )


def _build(settings: InfobipSettings) -> Infobip:
    return Infobip(
        base_url=settings.base_url,
        api_key=settings.api_key.get_secret_value(),
        defaults=AccountDefaults(
            sender=settings.sender,
            sms_sender=settings.sms_sender,
            whatsapp_sender=settings.whatsapp_sender,
            email_sender=settings.email_sender,
            report_url=settings.report_url.get_secret_value() if settings.report_url else None,
        ),
        webhook_auth=list(_webhook_auth(settings)),
        log_backfill=timedelta(hours=settings.log_backfill_hours),
        lookup_not_found_after=settings.lookup_not_found_after,
    )


def _webhook_auth(settings: InfobipSettings) -> Iterable[WebhookAuth]:
    if settings.webhook_username and settings.webhook_password:
        yield BasicAuth(settings.webhook_username, settings.webhook_password.get_secret_value())
    if tokens := _secrets(settings.webhook_bearer):
        yield BearerToken(tokens)
    if tokens := _secrets(settings.webhook_token):
        yield UrlToken(tokens, settings.webhook_token_parameter)
    if settings.webhook_header and (values := _secrets(settings.webhook_header_value)):
        yield FixedHeader(settings.webhook_header, values)
    if secrets := _secrets(settings.webhook_hmac_secret):
        yield HmacSignature(secrets, settings.webhook_hmac_header, settings.webhook_hmac_algorithm)


def _secrets(secret: SecretStr | None) -> list[str]:
    return [] if secret is None else secret.get_secret_value().split()
