"""What the entry point names: the provider's settings and its registration."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, SecretStr

from messaging_channels.plugins import ProviderSpec, hookimpl
from messaging_channels_infobip.parts import Defaults
from messaging_channels_infobip.proofs import Algorithm, Basic, Bearer, Header, Hmac, Proof, UrlToken
from messaging_channels_infobip.provider import Infobip


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
    catch_up_hours: float = Field(default=48.0, ge=0, le=48)
    logs_complete_after: NonNegativeFloat | None = None


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
        defaults=Defaults(
            sender=settings.sender,
            sms_sender=settings.sms_sender,
            whatsapp_sender=settings.whatsapp_sender,
            email_sender=settings.email_sender,
            report_url=settings.report_url.get_secret_value() if settings.report_url else None,
        ),
        proofs=list(_proofs(settings)),
        catch_up=timedelta(hours=settings.catch_up_hours),
        logs_complete_after=settings.logs_complete_after,
    )


def _proofs(settings: InfobipSettings) -> Iterable[Proof]:
    if settings.webhook_username and settings.webhook_password:
        yield Basic(settings.webhook_username, settings.webhook_password.get_secret_value())
    if tokens := _several(settings.webhook_bearer):
        yield Bearer(tokens)
    if tokens := _several(settings.webhook_token):
        yield UrlToken(tokens, settings.webhook_token_parameter)
    if settings.webhook_header and (values := _several(settings.webhook_header_value)):
        yield Header(settings.webhook_header, values)
    if secrets := _several(settings.webhook_hmac_secret):
        yield Hmac(secrets, settings.webhook_hmac_header, settings.webhook_hmac_algorithm)


def _several(secret: SecretStr | None) -> list[str]:
    return [] if secret is None else secret.get_secret_value().split()
